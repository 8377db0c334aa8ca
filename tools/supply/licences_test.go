package main

import (
	"os"
	"strings"
	"testing"
)

const bsd2 = `Copyright (c) 2020 Example

Redistribution and use in source and binary forms, with or without modification, are permitted provided that the
following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this list of conditions and the following
disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice, this list of conditions and the following
disclaimer in the documentation and/or other materials provided with the distribution.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS" AND ANY EXPRESS OR IMPLIED WARRANTIES,
INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL,
SPECIAL, EXEMPLARY, OR CONSEQUENTIAL DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY,
WHETHER IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
`

const gpl = `This program is free software: you can redistribute it and/or modify it under the terms of the GNU General Public
License as published by the Free Software Foundation, either version 3 of the License, or (at your option) any later
version.

This program is distributed in the hope that it will be useful, but WITHOUT ANY WARRANTY; without even the implied
warranty of MERCHANTABILITY or FITNESS FOR A PARTICULAR PURPOSE. See the GNU General Public License for more details.

You should have received a copy of the GNU General Public License along with this program. If not, see
<https://www.gnu.org/licenses/>.
`

// A licence is recognised by its text; one that is not allowed, or that is not
// understood for its greater part, is refused.
func TestLicences(t *testing.T) {
	own, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		texts map[string]text
		want  string
		err   string
	}{
		"Apache":       {map[string]text{"LICENSE": {string(own), false}}, "Apache-2.0", ""},
		"two":          {map[string]text{"LICENSE": {string(own), false}, "x/COPYING": {bsd2, false}}, "Apache-2.0 AND BSD-2-Clause", ""},
		"with notice":  {map[string]text{"LICENSE": {bsd2, false}, "NOTICE": {"Copyright of somebody", true}}, "BSD-2-Clause", ""},
		"GPL":          {map[string]text{"LICENSE": {gpl, false}}, "", "GPL-3.0"},
		"GPL further":  {map[string]text{"LICENSE": {bsd2, false}, "x/LICENSE": {gpl, false}}, "", "GPL-3.0"},
		"more terms":   {map[string]text{"LICENSE": {bsd2 + strings.Repeat("And nobody may use this on a Sunday. ", 40), false}}, "", "no licence is recognised"},
		"own words":    {map[string]text{"LICENSE": {"Do what you like.", false}}, "", "no licence is recognised"},
		"none":         {nil, "", "has no licence"},
		"only notices": {map[string]text{"NOTICE": {"Copyright of somebody", true}}, "", "has no licence"},
	} {
		m := module{path: "example.com/m", version: "v1.0.0", texts: c.texts}
		got, err := m.licences()
		switch {
		case c.err == "" && err != nil, c.err != "" && err == nil, got != c.want:
			t.Errorf("%s: %q, %v; want %q, an error with %q", name, got, err, c.want, c.err)
		case err != nil && (!strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "example.com/m")):
			t.Errorf("%s: %v, want an error with %q and the module", name, err, c.err)
		}
	}
}

// What is shipped tells of every module that is linked on one of the platforms,
// with its text. That the file is up to date is checked with each change, by
// "supply licences -check".
func TestLicenceList(t *testing.T) {
	all, err := linked(t.Context(), "../..", platforms...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := licenceList(sorted(all))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"github.com/elastic/go-elasticsearch/v8 v8", "the standard library of Go", "Permission is hereby granted", "TERMS AND CONDITIONS FOR USE",
		"Elasticsearch B.V.", // a notice, which the Apache License wants to be kept
	} {
		if !strings.Contains(list, want) {
			t.Errorf("the list does not have %q", want)
		}
	}
	delete(all, "github.com/robfig/cron/v3")
	if less, err := licenceList(sorted(all)); err != nil || less == list {
		t.Errorf("the list is the same without a module (%v)", err)
	}
}
