package faults

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/site"
)

// roles are users who lack one privilege on one kind of index and have all others
// that a run needs: "target write" lacks write on the target.
func roles() []esnode.User {
	kinds := []struct {
		name       string
		indices    []string
		privileges []string
	}{
		{"source", []string{"it-*-syslog-*"}, []string{"read", "view_index_metadata", "monitor", "maintenance"}},
		{"target", []string{"it-*-messages*"}, []string{"read", "write", "view_index_metadata", "maintenance"}},
		{"state", []string{"it-*-state"}, []string{"read", "write", "view_index_metadata"}},
	}
	users := []esnode.User{}
	for _, lacks := range []string{"nothing", "revoked", "source read", "target write", "target read", "target maintenance", "state write"} {
		u := esnode.User{Name: strings.ReplaceAll(lacks, " ", "-"), Password: "correct-horse"}
		for _, k := range kinds {
			grants := slices.DeleteFunc(slices.Clone(k.privileges), func(p string) bool { return k.name+" "+p == lacks })
			u.Indices = append(u.Indices, esnode.Grant{Names: k.indices, Privileges: grants})
		}
		users = append(users, u)
	}
	return users
}

// afterRefusal wants at most so many requests after the first that was refused.
func afterRefusal(t *testing.T, p *proxy, refused func(*request) bool, most int) {
	t.Helper()
	all := p.requests()
	first := slices.IndexFunc(all, func(q request) bool { return refused(&q) })
	if first < 0 {
		t.Fatalf("no request was refused, the test shows nothing\n%s", p)
	}
	if after := len(all) - first - 1; after > most {
		t.Errorf("%d requests after the first that was refused, at most %d are in order\n%s", after, most, p)
	}
}

func unauthorized(q *request) bool { return q.Status == http.StatusUnauthorized }

// A login that is no longer valid ends the run, wherever it is, with hardly
// another request: a cluster locks out those who keep trying.
func TestF27LoginRevoked(t *testing.T) {
	t.Run("at every request", func(t *testing.T) {
		s := site.New(t)
		indexMails(s, 6)
		for k := 1; ; k++ {
			p := newProxy(t, s.Node)
			p.on(func(q *request) fault {
				if q.N < k {
					return fault{}
				}
				return fault{Name: "401", Answer: jsonAnswer(http.StatusUnauthorized, `{"error":{"type":"security_exception","reason":"unable to authenticate alice@corp.test"},"status":401}`)}
			})
			b := s.Through(p.URL)
			o := b.Call("run", "--reset-cursor")
			if p.faults()["401"] == 0 {
				break
			}
			if o.Code == 0 { // only what is tidied up after the work may fail unnoticed
				if last := p.requests()[k-1]; last.Method != http.MethodDelete {
					t.Errorf("exit 0 although %s %s was refused", last.Method, last.Path)
				}
				continue
			}
			refused(t, o, 4, "401", "POSTWEAVE_ES_API_KEY")
			silent(t, o)
			afterRefusal(t, p, unauthorized, 3)
		}
		settled(t, s)
	})
	t.Run("by the node", func(t *testing.T) {
		node := startNode(t, esnode.Options{Users: roles()})
		s := site.On(t, node.URL)
		s.SetUp()
		indexMails(s, 10)
		as := func(user string) (*site.Site, *proxy) {
			p := newProxy(t, node.URL)
			return s.Through(withUser(t, p.URL, node.As(user))), p
		}
		revoked, p := as("revoked")
		p.on(once("revoked", isBulk, func() {
			if err := node.Revoke("revoked"); err != nil {
				t.Error(err)
			}
			gone(t, node.As("revoked"))
		}))
		lasting(revoked, 4, []string{"401", "POSTWEAVE_ES_PASSWORD"}, "run")
		p.happened(t, "revoked")
		afterRefusal(t, p, unauthorized, 3)
		other, _ := as("nothing")
		other.Run()
		settled(t, s)
	})
}

// A missing privilege ends the run and is named with its index.
func TestF28MissingPrivilege(t *testing.T) {
	node := startNode(t, esnode.Options{Users: roles()})
	s := site.On(t, node.URL)
	s.SetUp()
	indexMails(s, 10)
	for _, c := range []struct {
		user  string
		words []string
	}{ // the one who may write comes last, and leaves documents without moving the cursor
		{"target-write", []string{"403 security_exception", s.Target, "write"}},
		{"target-read", []string{"403 security_exception", s.Target, "read"}},
		{"state-write", []string{"403 security_exception", s.State, "write"}},
		{"source-read", []string{"403 security_exception", s.Source, "read"}},
		{"target-maintenance", []string{"403 security_exception", s.Target, "maintenance"}},
	} {
		user, words := c.user, c.words
		t.Run(user, func(t *testing.T) {
			s := *s
			s.T = t
			p := newProxy(t, node.URL)
			lasting(s.Through(withUser(t, p.URL, node.As(user))), 4, words, "run")
			afterRefusal(t, p, func(q *request) bool {
				if user == "target-write" { // refused item by item
					return isBulk(q)
				}
				// Runs do not need to see the template, and ask.
				return q.Status == http.StatusForbidden && !strings.HasPrefix(q.Path, "/_index_template/")
			}, 4)
			if made := indicesOf(&s, s.Target+"*,"+s.State); len(made) != 3 {
				t.Errorf("indices: %v", made)
			}
		})
	}
	p := newProxy(t, node.URL)
	s.Through(withUser(t, p.URL, node.As("nothing"))).Run()
	settled(t, s)
}

// withUser is the proxy's address with the user of another one.
func withUser(t *testing.T, proxy, as string) string {
	t.Helper()
	at, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	user, err := url.Parse(as)
	if err != nil {
		t.Fatal(err)
	}
	at.User = user.User
	return at.String()
}

// gone returns when the node no longer knows a user.
func gone(t *testing.T, as string) {
	for range 300 {
		err := esnode.Call(t.Context(), http.MethodGet, as+"/_security/_authenticate", nil, nil)
		if err != nil && strings.Contains(err.Error(), "401") {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Error("the node still knows a user that was taken away")
}
