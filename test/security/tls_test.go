package security

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/postweave/postweave/test/esnode"
)

// A node that cannot prove who it is gets no login. (With the right authority the other tests go through.)
func TestAuthorityIsNeeded(t *testing.T) {
	s := bare(t)
	stranger, err := esnode.NewAuthority(filepath.Join(t.TempDir(), "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	for what, env := range map[string][]string{"no authority": nil, "another one": {"POSTWEAVE_ES_CA=" + stranger.File}} {
		via := *s
		via.Env = env
		o := via.Call("setup")
		if o.Code != 4 || !strings.Contains(o.Stderr, "unknown authority") || !strings.Contains(o.Stderr, "POSTWEAVE_ES_CA") {
			t.Errorf("%s: exit %d\n%s", what, o.Code, o.Stderr)
		}
	}
	// Nor one that is asked without encryption.
	via := s.Through("http" + strings.TrimPrefix(s.Via, "https"))
	via.Env = nil
	if o := via.Call("setup"); o.Code != 4 || !strings.Contains(o.Stderr, "write https://") {
		t.Errorf("http: exit %d\n%s", o.Code, o.Stderr)
	}
}
