package main

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestUsageMatchesConfig keeps the table written for people, the Config struct
// and the commands' flags from drifting apart.
func TestUsageMatchesConfig(t *testing.T) {
	var fromTable, fromConfig []string
	for _, row := range environmentTable {
		fromTable = append(fromTable, row.key+"="+row.byDefault)
		if row.text == "" || row.meta == "" {
			t.Errorf("%s has no explanation", row.key)
		}
	}
	for _, s := range allSettings() {
		fromConfig = append(fromConfig, s.key+"="+s.defaultValue)
	}
	slices.Sort(fromTable)
	slices.Sort(fromConfig)
	if !slices.Equal(fromTable, fromConfig) {
		t.Errorf("the environment table is\n%s\nbut Config has\n%s", strings.Join(fromTable, "\n"), strings.Join(fromConfig, "\n"))
	}
	used := map[string]bool{}
	for _, c := range commands() {
		if got := len(settingsFor(c.settings)); got != len(c.settings) {
			t.Errorf("%s names %d settings, %d of them exist", c.name, len(c.settings), got)
		}
		for _, key := range c.settings {
			used[key] = true
		}
	}
	for _, s := range allSettings() {
		if !used[s.key] {
			t.Errorf("no command reads %s", s.variable())
		}
	}
}

var flagInText = regexp.MustCompile(`(?:^|[\s(\[])(--?[a-z][a-z-]*)`)

// TestHelpNamesRealFlags runs through every command's text: a flag that it
// mentions must exist, and a line must fit a terminal.
func TestHelpNamesRealFlags(t *testing.T) {
	for _, c := range commands() {
		f := flagsOf(c)
		var help bytes.Buffer
		writeCommandHelp(&help, c, f)
		if c.summary == "" || c.about == "" || c.example == "" {
			t.Errorf("%s lacks a text", c.name)
		}
		for line := range strings.SplitSeq(help.String(), "\n") {
			if len([]rune(line)) > 120 {
				t.Errorf("help %s: line of %d characters: %s", c.name, len(line), line)
			}
		}
		for _, m := range flagInText.FindAllStringSubmatch(c.about+"\n"+c.synopsis, -1) {
			if name := strings.TrimLeft(m[1], "-"); name != "help" && f.set.Lookup(name) == nil {
				t.Errorf("help %s mentions %s, which is no flag of it", c.name, m[1])
			}
		}
	}
}

// TestExamplesParse reads the flags of every example that calls postweave.
func TestExamplesParse(t *testing.T) {
	call := regexp.MustCompile(`postweave ([a-z]+)([^|>)\n]*)`)
	for _, c := range commands() {
		for _, m := range call.FindAllStringSubmatch(c.example, -1) {
			called, found := findCommand(m[1])
			if !found {
				if !strings.Contains(m[0], "daemon") {
					t.Errorf("example of %s calls %q", c.name, m[1])
				}
				continue
			}
			f := flagsOf(called)
			args := regexp.MustCompile(`"[^"]*"|\S+`).FindAllString(m[2], -1)
			if _, err := f.parse(args); err != nil || len(f.problems) > 0 {
				t.Errorf("example %q: %v %v", m[0], err, f.problems)
			}
		}
	}
}
