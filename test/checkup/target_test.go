package checkup

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/esnode"
	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// arrives gives a run something to write.
func (p *patient) arrives() {
	p.t.Helper()
	p.Index(p.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "4jXBLW1S2Pz1SGX8", time.Now().UTC())...))
	p.refresh()
}

// meta changes the mark of an index.
func (p *patient) meta(index string, schema int) {
	p.t.Helper()
	p.ES(http.MethodPut, "/"+index+"/_mapping", properties{"_meta": properties{"product": "postweave", "schema": schema}}, nil)
}

var _ = provoke(map[string]func(t *testing.T, name string){
	"not-set-up": func(t *testing.T, name string) {
		p := healthy(t, name)
		for what, undo := range map[string]func(){
			"no target":  func() { p.ES(http.MethodDelete, "/"+p.Target+"-000001", nil, nil) },
			"no state":   func() { p.ES(http.MethodDelete, "/"+p.State, nil, nil) },
			"no logs":    func() { p.ES(http.MethodDelete, "/"+p.Target+"-log", nil, nil) },
			"older":      func() { p.meta(p.Target+"-000001", 1) },
			"no pattern": func() { p.ES(http.MethodDelete, "/_index_template/"+p.Target, nil, nil) },
		} {
			t.Run(what, func(t *testing.T) {
				p := *p
				p.t, p.T = t, t
				undo()
				p.foretold(p.sick())
				p.Must("setup")
				p.well()
				p.Must("run")
			})
		}
	},
	"target-unusable": func(t *testing.T, name string) {
		p := healthy(t, name)
		right := p.Target
		p.ES(http.MethodPut, "/"+p.Source+"taken", nil, nil)
		p.Target = p.Source + "taken"
		p.set("SOURCE", p.Source+"2*")
		p.foretold(p.sick("it is an index"))
		p.Target = right // choose another POSTWEAVE_TARGET
		p.well()
	},
	"target-newer": func(t *testing.T, name string) {
		p := healthy(t, name)
		var before map[string]struct {
			Mappings struct {
				Meta struct{ Schema int } `json:"_meta"`
			}
		}
		p.ES(http.MethodGet, "/"+p.Target+"-000001/_mapping", nil, &before)
		p.meta(p.Target+"-000001", 99)
		p.arrives()
		p.foretold(p.sick("99"))
		p.meta(p.Target+"-000001", before[p.Target+"-000001"].Mappings.Meta.Schema) // the newer one knows its own
		p.well()
	},
	"target-mapping": func(t *testing.T, name string) {
		p := healthy(t, name)
		index := p.Target + "-000001"
		// An index made by hand, in which sizes are dates: no document with a size gets in.
		var made map[string]struct{ Mappings json.RawMessage }
		p.ES(http.MethodGet, "/"+index+"/_mapping", nil, &made)
		var mapping properties
		if err := json.Unmarshal(made[index].Mappings, &mapping); err != nil {
			t.Fatal(err)
		}
		mapping["properties"].(properties)["size"] = properties{"type": "date", "format": "strict_date"}
		p.ES(http.MethodDelete, "/"+index, nil, nil)
		p.ES(http.MethodPut, "/"+index, properties{"mappings": mapping, "aliases": properties{p.Target: properties{"is_write_index": true}}}, nil)
		p.arrives()
		p.foretold(p.sick(index, "size is date, and should be long"))
		p.ES(http.MethodDelete, "/"+index, nil, nil) // moved away
		p.Must("setup")
		p.Backfill(time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly), time.Now().UTC().Format(time.DateOnly))
		p.well()
	},
	"target-blocked": func(t *testing.T, name string) {
		p := healthy(t, name)
		for _, block := range []string{"write", "read_only_allow_delete", "read_only"} {
			t.Run(block, func(t *testing.T) {
				p := *p
				p.t, p.T = t, t
				p.ES(http.MethodPut, "/"+p.Target+"-000001/_settings", properties{"index.blocks." + block: true}, nil)
				p.arrives()
				p.Index(p.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "4jXBLW1S2Pz1SG"+strings.ToUpper(block[len(block)-2:]), time.Now().UTC())...))
				p.refresh()
				p.foretold(p.sick("index.blocks." + block))
				p.ES(http.MethodPut, "/"+p.Target+"-000001/_settings", properties{"index.blocks." + block: nil}, nil)
				p.well()
				p.Must("run")
			})
		}
	},
	"target-old-blocked": func(t *testing.T, name string) {
		p := healthy(t, name)
		p.ES(http.MethodPost, "/"+p.Target+"/_rollover", nil, nil)
		p.ES(http.MethodPut, "/"+p.Target+"-000001/_settings", properties{"index.blocks.write": true}, nil)
		p.arrives()
		p.foretold(p.sick(p.Target + "-000001"))
		p.ES(http.MethodPut, "/"+p.Target+"-000001/_settings", properties{"index.blocks.write": nil}, nil)
		p.well()
	},
	"template-overshadowed": func(t *testing.T, name string) {
		p := healthy(t, name)
		other := p.Target + "-other"
		p.ES(http.MethodPut, "/_index_template/"+other, properties{"index_patterns": []string{p.Target + "-0*"}, "priority": 9000}, nil)
		t.Cleanup(func() {
			if err := esnode.Call(context.WithoutCancel(t.Context()), http.MethodDelete, p.Node+"/_index_template/"+other, nil, nil); err != nil {
				t.Error(err)
			}
		})
		p.foretold(p.sick(other))
		p.ES(http.MethodPut, "/_index_template/"+other, properties{"index_patterns": []string{p.Target + "-0*"}, "priority": 9}, nil)
		p.well()
	},
	"cursor-damaged": func(t *testing.T, name string) {
		p := healthy(t, name)
		var found struct {
			Hits struct {
				Hits []struct {
					ID     string     `json:"_id"`
					Source properties `json:"_source"`
				}
			}
		}
		p.ES(http.MethodPost, "/"+p.State+"/_refresh", nil, nil)
		p.ES(http.MethodGet, "/"+p.State+"/_search?q=kind:cursor", nil, &found)
		if len(found.Hits.Hits) != 1 {
			t.Fatalf("there are %d cursors", len(found.Hits.Hits))
		}
		damaged := found.Hits.Hits[0]
		damaged.Source["payload"] = properties{"shards": "none"}
		p.ES(http.MethodPut, "/"+p.State+"/_doc/"+damaged.ID, damaged.Source, nil)
		p.foretold(p.sick())
		p.Must("run", "--reset-cursor")
		p.well()
	},
	"never-run": func(t *testing.T, name string) {
		p := healthy(t, name)
		b := *p
		b.Site = p.Beside("fresh")
		b.sick()
		b.Must("run")
		b.well()
	},
	"no-local-domains": func(t *testing.T, name string) {
		p := healthy(t, name)
		p.set("LOCAL_DOMAINS", "")
		p.foretold(p.sick())
		p.set("LOCAL_DOMAINS", "corp.test")
		p.well()
	},
})
