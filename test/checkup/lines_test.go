package checkup

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"
	"github.com/postweave/postweave/test/site"
)

// lived replaces the source by a log that is altered, and then by that log as it was.
func lived(t *testing.T, name string, cfg loggen.Config, alter func(*patient, []loggen.Line) []site.Raw, others ...string) {
	p := healthy(t, name)
	p.others = others
	p.again(alter(p, p.news(cfg)))
	p.foretold(p.sick())
	p.others = nil
	p.again(p.Shipped(loggen.LayoutSyslog, p.news(loggen.Config{LongIDs: true})...))
	p.well()
}

// alterLines applies a change to every line, and ships them.
func alterLines(change func(i int, l *loggen.Line)) func(*patient, []loggen.Line) []site.Raw {
	return func(p *patient, lines []loggen.Line) []site.Raw {
		for i := range lines {
			change(i, &lines[i])
		}
		return p.Shipped(loggen.LayoutSyslog, lines...)
	}
}

var long = loggen.Config{LongIDs: true}

var _ = provoke(map[string]func(t *testing.T, name string){
	"no-new-lines": func(t *testing.T, name string) {
		p := healthy(t, name)
		p.again(p.Shipped(loggen.LayoutSyslog, p.news(loggen.Config{LongIDs: true, Start: time.Now().UTC().Add(-49 * time.Hour)})...))
		p.foretold(p.sick())
		p.Index(p.Shipped(loggen.LayoutSyslog, p.news(long)...)) // the shipper is up again
		p.refresh()
		p.well()
	},
	"no-postfix-lines": func(t *testing.T, name string) {
		p := healthy(t, name)
		lines := p.news(long)
		for i := range lines {
			lines[i].Program = strings.Replace(lines[i].Program, "postfix/", "mta-out/", 1)
		}
		docs := p.Shipped(loggen.LayoutSyslog, lines...)
		for i := range docs {
			docs[i].Source = []byte(strings.Replace(string(docs[i].Source), `"postfix_queueid"`, `"mta_queueid"`, 1))
		}
		p.again(docs)
		p.foretold(p.sick())
		p.set("PROGRAMS", "mta-out*,postfix*")
		p.well()
		p.again(nil)
		p.ES(http.MethodPut, "/"+p.Source+"empty", nil, nil)
		p.foretold(p.sick("no index holds a document"))
	},
	"lines-unreadable": func(t *testing.T, name string) {
		lived(t, name, long, func(p *patient, lines []loggen.Line) []site.Raw {
			docs := p.Shipped(loggen.LayoutSyslog, lines...)
			for i := range docs {
				if i%10 == 0 {
					docs[i].Source = []byte(strings.Replace(string(docs[i].Source), `"syslog_hostname"`, `"somewhere"`, 1))
				}
			}
			return docs
		})
	},
	"not-understood": func(t *testing.T, name string) {
		lived(t, name, long, alterLines(func(i int, l *loggen.Line) {
			if id, _, ok := strings.Cut(l.Text, ": "); ok && i%10 == 0 && strings.HasSuffix(l.Program, "/qmgr") {
				l.Text = id + ": sunk without trace"
			}
		}))
	},
	"lines-cut": func(t *testing.T, name string) {
		lived(t, name, long, alterLines(func(_ int, l *loggen.Line) {
			if at := strings.Index(l.Text, "status=sent ("); at > 0 {
				l.Text = l.Text[:at+len("status=sent (250")]
			}
		}))
	},
	"lines-twice": func(t *testing.T, name string) {
		lived(t, name, long, func(p *patient, lines []loggen.Line) []site.Raw {
			return append(p.Shipped(loggen.LayoutSyslog, lines...), p.Shipped(loggen.LayoutSyslog, lines...)...)
		})
	},
	"ids-short": func(t *testing.T, name string) {
		lived(t, name, loggen.Config{ShortIDs: true}, alterLines(func(int, *loggen.Line) {}))
	},
	"no-subjects": func(t *testing.T, name string) {
		lived(t, name, loggen.Config{LongIDs: true, NoSubjects: true}, alterLines(func(int, *loggen.Line) {}))
	},
	"subjects-missing": func(t *testing.T, name string) {
		lived(t, name, long, func(p *patient, lines []loggen.Line) []site.Raw {
			var some []loggen.Line
			for _, l := range lines {
				if l.Host != "mx2" || !strings.Contains(l.Text, ": header Subject:") {
					some = append(some, l)
				}
			}
			return p.Shipped(loggen.LayoutSyslog, some...)
		})
	},
	"lines-of-the-future": func(t *testing.T, name string) {
		lived(t, name, long, alterLines(func(_ int, l *loggen.Line) {
			if l.Host == "mx2" {
				l.Time = l.Time.Add(20 * time.Minute)
			}
		}))
	},
	"time-zone": func(t *testing.T, name string) {
		for _, hours := range []int{-2, 1} {
			t.Run(fmt.Sprintf("%+d hours", hours), func(t *testing.T) {
				lived(t, name, long, func(p *patient, lines []loggen.Line) []site.Raw {
					docs := p.Shipped(loggen.LayoutSyslog, lines...)
					for i, l := range lines { // as Logstash dates a stamp of another zone
						if l.Host == "mx2" {
							right, wrong := l.Time.UTC().Format("2006-01-02T15:04:05.000Z"), l.Time.UTC().Add(time.Duration(hours)*time.Hour).Format("2006-01-02T15:04:05.000Z")
							docs[i].Source = []byte(strings.Replace(string(docs[i].Source), `"@timestamp":"`+right, `"@timestamp":"`+wrong, 1))
						}
					}
					return docs
				})
			})
		}
	},
	"clock-differs": func(t *testing.T, name string) {
		p := healthy(t, name)
		p.clock = site.NewClock(t)
		for _, by := range []time.Duration{-5 * time.Minute, 26 * time.Hour} {
			p.clock.Set(by)
			p.foretold(p.sick())
		}
		p.clock.Set(0)
		p.well()
	},
})
