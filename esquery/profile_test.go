package esquery

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/heap"
)

const goodProfile = `{"time":["@timestamp"],"host":["h"],"program":["p"],"pid":["n"],"text":["t"],"queue_id":["q"]}`

func TestFieldProfile(t *testing.T) {
	with := func(old, with string) string { return strings.Replace(goodProfile, old, with, 1) }
	for name, c := range map[string]struct{ text, want string }{
		"good":                {goodProfile, ""},
		"without the rest":    {`{"time":["a.b"],"host":["h"],"program":["p"],"text":["t"]}`, ""},
		"empty":               {"", "no such JSON: EOF"},
		"no JSON":             {"time: [a]\n", "no such JSON: invalid character"},
		"a tab and a comment": {"\t# fields\n" + goodProfile, "no such JSON"},
		"a list":              {"[" + goodProfile + "]", "no such JSON"},
		"a part that is none": {with(`"pid"`, `"process"`), `unknown field "process"`},
		"a part twice":        {with(`"pid"`, `"TEXT"`), `"text" is there twice`},
		"no list":             {with(`["h"]`, `"h"`), "cannot unmarshal string"},
		"numbers":             {with(`["h"]`, `[1]`), "cannot unmarshal number"},
		"null":                {with(`["h"]`, `null`), "time, host, program and text are needed"},
		"more behind it":      {goodProfile + goodProfile, "something follows"},
		"several in one name": {with(`"h"`, `"h,secret"`), "name 1 of host is no name of a field"},
		"all fields":          {with(`"h"`, `"h","*"`), "name 2 of host"},
		"no name":             {with(`"h"`, `""`), "name 1 of host"},
		"a control character": {with(`"h"`, `"h\u0000"`), "name 1 of host"},
		"a name turned round": {with(`"h"`, `"h\u202e"`), "name 1 of host"},
		"a name without end":  {with(`"h"`, `"`+strings.Repeat("h", 300)+`"`), "name 1 of host"},
		"names without end":   {with(`"h"`, `"h"`+strings.Repeat(`,"h"`, 20)), "host has more than 20 names"},
		"levels without end":  {`{"time":` + strings.Repeat("[", 30_000), "no such JSON"},
	} {
		path := filepath.Join(t.TempDir(), "fields.json")
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := profile(path)
		if c.want == "" {
			if err != nil || len(got) != 1 || got[0].Host[0] != "h" {
				t.Errorf("%s: %v, %v", name, got, err)
			}
			continue
		}
		var failed *Error
		if !errors.As(err, &failed) || failed.Class != ClassSetup || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, want … %s", name, err, c.want)
		}
	}
}

// A file that is no profile is not read to its end.
func TestFieldProfileIsBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fields.json")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(1 << 30); err != nil {
		t.Fatal(err)
	}
	used := heap.Peak(30, func() { _, err = profile(path) })
	if err == nil || !strings.Contains(err.Error(), "larger than 64 KiB") {
		t.Error(err)
	}
	if used > 4<<20 {
		t.Errorf("%d bytes", used)
	}
	if _, err := profile("./none.json"); err == nil || strings.Count(err.Error(), "none.json") != 1 || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}
