package checkup

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

type properties = map[string]any

// lean gives the source an index that does not keep its documents whole.
func lean(t *testing.T, name string, source properties) {
	p := healthy(t, name)
	index := p.Source + "lean"
	mail := site.Mail("mx1", "4jXBLW1S2Pz1SGX8", time.Now().UTC())
	p.ES(http.MethodPut, "/"+index, properties{"mappings": properties{"_source": source}}, nil)
	docs := p.Shipped(loggen.LayoutSyslog, mail...)
	for i := range docs {
		docs[i].Index = index
	}
	p.Index(docs)
	p.refresh()
	p.foretold(p.sick(index))
	p.ES(http.MethodDelete, "/"+index, nil, nil)
	p.Index(p.Shipped(loggen.LayoutSyslog, mail...)) // into one that keeps them
	p.refresh()
	p.well()
	if r := p.Run(); r.Created == 0 {
		t.Error("the lines are not merged")
	}
}

var _ = provoke(map[string]func(t *testing.T, name string){
	"source-missing": func(t *testing.T, name string) {
		p := healthy(t, name)
		right := p.Source
		p.Source = "nobody-" + right
		p.foretold(p.sick(p.Source))
		p.Source = right
		p.well()
	},
	"pattern-empty": func(t *testing.T, name string) {
		p := healthy(t, name)
		p.set("SOURCE", p.Source+"*,nobody-"+p.Source+"*")
		p.sick("nobody-" + p.Source + "*")
		p.set("SOURCE", p.Source+"*")
		p.well()
	},
	"source-unreadable": func(t *testing.T, name string) {
		p := healthy(t, name)
		red := p.Source + "red"
		p.ES(http.MethodPut, "/"+red+"?wait_for_active_shards=0", properties{"settings": properties{"index.routing.allocation.require._name": "nobody", "index.number_of_replicas": 0}}, nil)
		p.foretold(p.sick())
		p.ES(http.MethodPut, "/"+red+"/_settings", properties{"index.routing.allocation.require._name": nil}, nil)
		p.ES(http.MethodGet, "/_cluster/health/"+red+"?wait_for_status=green&timeout=30s", nil, nil)
		p.well()
	},
	"source-unusable": func(t *testing.T, name string) {
		p := healthy(t, name)
		alias := p.Source + "some"
		p.ES(http.MethodPost, "/_aliases", properties{"actions": []properties{{"add": properties{
			"index": p.newest(), "alias": alias, "filter": properties{"match": properties{"syslog_program": "postfix"}},
		}}}}, nil)
		p.set("SOURCE", alias)
		p.foretold(p.sick(alias, "filter"))
		p.set("SOURCE", p.Source+"*")
		p.well()
	},
	"index-closed": func(t *testing.T, name string) {
		p := healthy(t, name)
		index := p.newest()
		p.ES(http.MethodPost, "/"+index+"/_close", nil, nil)
		p.others = []string{"clock-differs"}
		p.foretold(p.sick(index))
		p.ES(http.MethodPost, "/"+index+"/_open", nil, nil)
		p.ES(http.MethodGet, "/_cluster/health/"+index+"?wait_for_status=yellow&timeout=30s", nil, nil)
		p.well()
	},
	"index-closed-old": func(t *testing.T, name string) {
		p := healthy(t, name)
		old := p.Source + "2026.01.01"
		p.ES(http.MethodPut, "/"+old, nil, nil)
		p.ES(http.MethodPost, "/"+old+"/_close", nil, nil)
		// When an index was made cannot be chosen: the newest line is three minutes ahead, and the horizon one minute.
		p.set("HORIZON", "1m")
		p.Index(p.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "4jXBLW1S2Pz1SGX8", time.Now().UTC().Add(3*time.Minute))...))
		p.refresh()
		p.foretold(p.sick(old))
		p.ES(http.MethodPost, "/"+old+"/_open", nil, nil)
		p.ES(http.MethodGet, "/_cluster/health/"+old+"?wait_for_status=yellow&timeout=30s", nil, nil)
		p.well()
	},
	"fields-unknown": func(t *testing.T, name string) {
		p := healthy(t, name)
		other := p.Source + "other"
		p.Index([]site.Raw{{Index: other, Source: []byte(`{"@timestamp":"2026-11-22T10:00:00Z","machine":"mx1","syslog_program":"postfix/smtpd","syslog_message":"connect from a.example[192.0.2.1]"}`)}})
		p.refresh()
		p.foretold(p.sick(other, "host", "syslog_hostname"))
		p.set("FIELDS", file(t, "fields.json", `{"time":["@timestamp"],"host":["syslog_hostname","machine"],"program":["syslog_program"],"pid":["syslog_pid"],"text":["syslog_message"],"queue_id":["postfix_queueid"]}`))
		p.well()
	},
	"fields-unknown-old": func(t *testing.T, name string) {
		p := healthy(t, name)
		other := p.Source + "other"
		p.Index([]site.Raw{{Index: other, Source: []byte(`{"@timestamp":"2025-11-22T10:00:00Z","machine":"mx1","syslog_program":"postfix/smtpd","syslog_message":"connect from a.example[192.0.2.1]"}`)}})
		p.refresh()
		p.foretold(p.sick(other))
		p.set("FIELDS", file(t, "fields.json", `{"time":["@timestamp"],"host":["syslog_hostname","machine"],"program":["syslog_program"],"pid":["syslog_pid"],"text":["syslog_message"],"queue_id":["postfix_queueid"]}`))
		p.well()
	},
	"no-source-kept": func(t *testing.T, name string) { lean(t, name, properties{"enabled": false}) },
	"part-not-kept":  func(t *testing.T, name string) { lean(t, name, properties{"excludes": []string{"syslog_message"}}) },
	"page-too-small": func(t *testing.T, name string) {
		p := healthy(t, name)
		index := p.newest()
		p.ES(http.MethodPut, "/"+index+"/_settings", properties{"index.max_result_window": 1000}, nil)
		p.Index(p.Shipped(loggen.LayoutSyslog, site.Mail("mx1", "4jXBLW1S2Pz1SGX8", time.Now())...))
		p.refresh()
		p.foretold(p.sick(index, "1000"))
		p.ES(http.MethodPut, "/"+index+"/_settings", properties{"index.max_result_window": nil}, nil)
		p.well()
	},
	"no-queue-id-field": func(t *testing.T, name string) {
		p := healthy(t, name)
		docs := p.Shipped(loggen.LayoutSyslog, p.news(loggen.Config{LongIDs: true})...)
		for i := range docs {
			docs[i].Source = []byte(strings.Replace(string(docs[i].Source), `"postfix_queueid"`, `"postfix_other"`, 1))
		}
		p.again(docs)
		p.foretold(p.sick("queue ids"))
		p.again(p.Shipped(loggen.LayoutSyslog, p.news(loggen.Config{LongIDs: true})...))
		p.well()
	},
	"layouts-mixed": func(t *testing.T, name string) {
		p := healthy(t, name)
		plain := p.Shipped(loggen.LayoutPlain, site.Mail("mx1", "4jXBLW1S2Pz1SGX8", time.Now().Add(-time.Minute))...)
		for i := range plain {
			plain[i].Index = p.Source + "plain"
		}
		p.Index(plain)
		p.refresh()
		p.foretold(p.sick("2 ways"))
		p.set("SOURCE", p.Source+"2*") // it was not meant
		p.well()
	},
})
