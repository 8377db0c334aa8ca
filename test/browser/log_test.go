package browser

import (
	"bufio"
	"cmp"
	"compress/gzip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// facts are what a log says of its mail, counted without the product.
type facts struct {
	messages, rejects, bytes  int
	sent, bounced             int // recipients
	senders, domains, servers map[string]int
}

var (
	ofMessage = regexp.MustCompile(`^\w+ +\d+ [\d:]+ (\S+) (\S+)\[\d+\]: ([0-9A-F]{6,15}|[0-9B-Zb-z]{12,20}): (.*)$`)
	reject    = regexp.MustCompile(`^\w+ +\d+ [\d:]+ \S+ \S+\[\d+\]: NOQUEUE: reject: `)
	verdict   = regexp.MustCompile(`^.*; from=<([^>]*)> to=<`)
	queued    = regexp.MustCompile(`^from=<([^>]*)>, size=(\d+), nrcpt=\d+ \(queue active\)$`)
	delivery  = regexp.MustCompile(`^to=<([^>]*)>, (?:orig_to=<([^>]*)>, )?relay=.*?, status=(\w+) `)
)

// readLog counts. The lab's log uses no queue id twice.
func readLog(t *testing.T, path string) facts {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	f := facts{senders: map[string]int{}, domains: map[string]int{}, servers: map[string]int{}}
	messages, sizes, senders, recipients := map[string]bool{}, map[string]bool{}, map[string]string{}, map[string]string{}
	lines := bufio.NewScanner(plain)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if reject.MatchString(lines.Text()) {
			f.rejects++
			continue
		}
		m := ofMessage.FindStringSubmatch(lines.Text())
		if m == nil || !strings.HasPrefix(m[2], "postfix") {
			continue
		}
		key := m[1] + " " + m[3]
		if !messages[key] {
			messages[key] = true
			f.servers[m[1]]++
		}
		if q := queued.FindStringSubmatch(m[4]); q != nil && !sizes[key] {
			sizes[key] = true
			size, err := strconv.Atoi(q[2])
			if err != nil {
				t.Fatal(err)
			}
			f.bytes += size
			senders[key] = strings.ToLower(cmp.Or(q[1], "<>"))
		}
		// Mail that never got into the queue has its sender in what was said of it.
		if v := verdict.FindStringSubmatch(m[4]); v != nil && senders[key] == "" {
			senders[key] = strings.ToLower(cmp.Or(v[1], "<>"))
		}
		if d := delivery.FindStringSubmatch(m[4]); d != nil {
			status := d[3]
			if strings.HasSuffix(m[2], "/discard") {
				status = "discarded"
			}
			recipients[key+" "+strings.ToLower(d[1])+" "+strings.ToLower(d[2])] = status
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	f.messages = len(messages)
	for _, from := range senders {
		f.senders[from]++
		if _, domain, ok := strings.Cut(from, "@"); ok {
			f.domains[domain]++
		}
	}
	for _, status := range recipients {
		switch status {
		case "sent":
			f.sent++
		case "bounced":
			f.bounced++
		}
	}
	return f
}
