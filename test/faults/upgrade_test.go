package faults

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/site"
)

// What a postweave of schema 1 left is brought up by setup and rebuild, either of which is killed at every request. The
// next one completes it, a third finds nothing to do, and the documents are those of a fresh installation.
func TestF49KilledUpgrade(t *testing.T) {
	fresh := site.New(t)
	fresh.Index(fresh.OlderSource())
	fresh.Run()
	want := site.Identified(fresh.Documents())

	s := site.Bare(t)
	p := newProxy(t, s.Node)
	older := func(t *testing.T) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := esnode.Delete(ctx, s.Node, strings.TrimSuffix(s.Source, "syslog-")+"*"); err != nil {
			t.Fatal(err)
		}
		_ = esnode.Call(ctx, http.MethodDelete, s.Node+"/_index_template/"+s.Target, nil, nil) // the first time there is none
		s.InstallOlder(2)
	}
	for _, args := range [][]string{{"setup"}, {"rebuild", "--all"}} {
		t.Run(args[0], func(t *testing.T) {
			s := *s
			s.T = t
			struck := 0
			for _, x := range []strike{killedBefore, killedAfter} {
				for k := 1; ; k++ {
					older(t)
					if args[0] == "rebuild" {
						s.Must("setup")
					}
					o, hit := x.at(&s, p, k, everyRequest, nil, args...)
					if !hit {
						if o.Code != 0 {
							t.Errorf("%s without a kill before request %d: exit %d\n%s", args[0], k, o.Code, o.Stderr)
						}
						break
					}
					struck++
					what := fmt.Sprintf("%s %s, request %d", args[0], x.what, k)
					s.Must("setup")
					s.Must("rebuild", "--all")
					site.Same(t, what, site.Identified(s.Documents()), want)
					before := revisions(s.Documents())
					if again := s.Must("setup", "--json"); strings.Contains(again.Stdout, "create") || strings.Contains(again.Stdout, "update") {
						t.Errorf("%s: setup was not complete: %s", what, again.Stdout)
					}
					s.Must("rebuild", "--all")
					site.SameBytes(t, what+", revisions", revisions(s.Documents()), before)
				}
			}
			t.Logf("%d times", struck)
		})
	}
}
