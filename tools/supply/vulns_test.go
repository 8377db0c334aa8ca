package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// entry is a vulnerability that nobody knows of: it is made up for this test.
const entry = `{"schema_version":"1.3.1","id":"GO-0000-0001","modified":"2026-01-01T00:00:00Z","published":"2026-01-01T00:00:00Z",
"summary":"Made up for a test","details":"Made up for a test.","affected":[{"package":{"name":%q,"ecosystem":"Go"},
"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":%q}]}],"ecosystem_specific":{"imports":[{"path":%q}]}}],
"database_specific":{"url":"https://vuln.example/GO-0000-0001","review_status":"REVIEWED"}}`

// looked is the folder that is looked at, a small one: what is reported of it with
// a made-up database shows what would be with a real one.
const looked = "../../worker/message"

func look(t *testing.T, db string) (code int, said string) {
	t.Helper()
	var out bytes.Buffer
	err := run(t.Context(), []string{"vulns", "-db", db, looked}, &out, &out)
	var exit exitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		code = exit.code
	default:
		code = exitFailed
	}
	return code, fmt.Sprintf("%s%v", &out, err)
}

func TestVulnerabilities(t *testing.T) {
	for name, c := range map[string]struct {
		module, pkg, fixed string
		code               int
		says               string
	}{
		"a module that we use":      {"golang.org/x/text", "golang.org/x/text/encoding", "0.999.0", exitVulnerable, "GO-0000-0001"},
		"mended before our version": {"golang.org/x/text", "golang.org/x/text/encoding", "0.3.0", 0, "No vulnerabilities found"},
		"the standard library":      {"stdlib", "strings", "9.0.0", exitVulnerable, "GO-0000-0001"},
	} {
		t.Run(name, func(t *testing.T) {
			db := t.TempDir()
			if err := os.WriteFile(filepath.Join(db, "GO-0000-0001.json"), fmt.Appendf(nil, entry, c.module, c.fixed, c.pkg), 0o600); err != nil {
				t.Fatal(err)
			}
			if code, said := look(t, "file://"+filepath.ToSlash(db)); code != c.code || !strings.Contains(said, c.says) {
				t.Errorf("exit %d, want %d with %q:\n%s", code, c.code, c.says, said)
			}
		})
	}
}

// Where there is no database, nothing was checked, and that is what is said.
func TestNoDatabase(t *testing.T) {
	refusing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(refusing.Close)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, db := range map[string]string{
		"refused": refusing.URL, "not there": gone.URL, "no folder": "file:///no/such/folder", "empty folder": "file://" + t.TempDir(),
	} {
		code, said := look(t, db)
		if code != exitUnchecked || !strings.Contains(said, "nothing was checked") || strings.Contains(said, "No vulnerabilities") {
			t.Errorf("%s: exit %d, want %d:\n%s", name, code, exitUnchecked, said)
		}
	}
}
