package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/postweave/postweave/test/loggen"

	"github.com/postweave/postweave/test/site"
)

// An index and a log are asked the same in the same words, and answer with the same documents in the same order.
func TestIndexAndLogSelectTheSame(t *testing.T) {
	s := site.New(t)
	var lines []loggen.Line
	for _, text := range site.ReadLines(t, lab+"/mail.log.gz") {
		lines = append(lines, readLine(t, string(text)))
	}
	s.Index(s.Shipped(loggen.LayoutSyslog, lines...))
	s.Run()
	documents := s.Must("trace", "--json", "--limit", "10000").Stdout
	all := decodedSelection(t, strings.Join(promisedLines(documents), "\n")) // in an order that is the same each time
	if len(all) < 2000 {
		t.Fatalf("%d documents", len(all))
	}
	rng := rand.New(rand.NewPCG(8, 15))
	empty := 0
	edges := [][]string{
		{"--client", "::/0"},
		{"--client", "0.0.0.0/0"},
		{"--client", "::ffff:127.0.0.0/104"},
		{"--client", "::ffff:0:0/95"},
		{"--relay", "127.0.0.1[127.0.0.1]:2526"},
		{"--user", "@corp.test"},
		{"--status", "queued"},
		{"--text", "*"},
	}
	for n := range 90 {
		var args []string
		if n < len(edges) {
			args = edges[n]
		}
		for len(args) == 0 { // a document that has what is to be asked for
			args = drawSelection(rng, all[rng.IntN(len(all))], n)
		}
		args = append(args, "--limit", []string{"10000", "10000", "7"}[rng.IntN(3)])
		args = append(args, [][]string{nil, nil, {"--sort", "size"}, {"--sort", "delay"}, {"--each", "recipient"}, {"--count"}}[rng.IntN(6)]...)
		index := s.Must(append([]string{"trace", "--json"}, args...)...).Stdout
		log := s.Must(append([]string{"trace", "--json", "--year", "2026", "-f", site.CorpusFile(lab + "/mail.log.gz")}, args...)...).Stdout
		a, b := promisedLines(index), promisedLines(log)
		switch {
		case !slices.Equal(places(t, index), places(t, log)):
			t.Errorf("%q: not the same order, %d and %d lines", args, len(a), len(b))
		case !slices.Contains(args, "7") && !slices.Equal(a, b):
			t.Errorf("%q: the index has %d lines, the log %d", args, len(a), len(b))
		}
		if index == "" || index == "{\"messages\":0}\n" {
			empty++
		}
	}
	if empty > 30 {
		t.Errorf("%d of 90 selections found nothing", empty)
	}
}

func readLine(t *testing.T, text string) (line loggen.Line) {
	if err := loggen.Read(strings.NewReader(text+"\n"), 2026, time.UTC, func(l loggen.Line) error { line = l; return nil }); err != nil {
		t.Fatal(err)
	}
	return line
}

// promisedLines leaves out of each document what is best effort, and sorts them: rejects of one second have no order.
func promisedLines(out string) (lines []string) {
	for line := range strings.Lines(out) {
		lines = append(lines, site.Promised(strings.TrimSuffix(line, "\n")))
	}
	slices.Sort(lines)
	return lines
}

// places are the keys by which messages are sorted.
func places(t *testing.T, out string) (keys []string) {
	for _, d := range decodedSelection(t, out) {
		keys = append(keys, fmt.Sprint(d.Time, d.QueueID, d.Host.Name, d.Messages))
	}
	return keys
}

// selected is a document as far as selections are drawn from it.
type selected struct {
	From      string
	Subject   string
	MessageID string `json:"message_id"`
	QueueID   string `json:"queue_id"`
	Size      int64
	Status    string
	Search    string
	Host      struct{ Name string }
	Client    struct{ Hostname, IP string }
	SASL      struct{ Username string }
	Time      time.Time `json:"@timestamp"`
	Messages  int       // of --count

	Recipients []struct {
		To, Status string
		OrigTo     string `json:"orig_to"`
		Delay      float64
		Relay      struct{ Hostname, IP, Name string }
	}
}

func decodedSelection(t *testing.T, out string) (all []selected) {
	d := json.NewDecoder(bytes.NewReader([]byte(out)))
	for d.More() {
		var x selected
		if err := d.Decode(&x); err != nil {
			t.Fatal(err)
		}
		all = append(all, x)
	}
	return all
}

// drawSelection makes flags of what one document holds: one condition, or two or three together. Every kind is drawn in turn.
func drawSelection(rng *rand.Rand, d selected, n int) (args []string) {
	draws := []func() []string{
		func() []string { return flag("from", partOfAddress(rng, d.From)) },
		func() []string { return flag("to", partOfAddress(rng, d.recipient(rng).To)) },
		func() []string { return flag("to", partOfAddress(rng, d.recipient(rng).OrigTo)) },
		func() []string { return flag("subject", partOfText(rng, d.Subject)) },
		func() []string { return flag("text", partOfText(rng, d.Subject+" "+d.From+" "+d.recipient(rng).To)) },
		func() []string { return flag("text", partOfText(rng, d.Search)) },
		func() []string { return flag("message-id", d.MessageID) },
		func() []string { return flag("queue-id", d.QueueID) },
		func() []string { return flag("client", partOfHost(rng, d.Client.Hostname, d.Client.IP)) },
		func() []string { return flag("user", partOfAddress(rng, d.SASL.Username)) },
		func() []string {
			r := d.recipient(rng).Relay
			return flag("relay", pick(rng, r.Name, partOfHost(rng, r.Hostname, r.IP)))
		},
		func() []string {
			return flag("server", pick(rng, d.Host.Name, strings.ToUpper(d.Host.Name), "*"+d.Host.Name[1:]))
		},
		func() []string { return flag("status", pick(rng, d.Status, d.recipient(rng).Status)) },
		func() []string { return flag("larger", strconv.FormatInt(max(d.Size, 1), 10)) },
		func() []string {
			return flag("slower", time.Duration(d.recipient(rng).Delay*float64(time.Second)).Round(10*time.Millisecond).String())
		},
		func() []string { return []string{"--open"} },
		func() []string { return flag("since", d.Time.UTC().Format(time.RFC3339)) },
		func() []string { return flag("until", d.Time.UTC().Format(time.RFC3339)) },
	}
	if args = draws[n%len(draws)](); len(args) == 0 {
		return nil
	}
	for range rng.IntN(3) {
		args = append(args, draws[rng.IntN(len(draws))]()...)
	}
	if slices.ContainsFunc(args, func(a string) bool { return strings.HasPrefix(a, "--since") }) { // which the drawn end may not be behind
		args = slices.DeleteFunc(args, func(a string) bool { return strings.HasPrefix(a, "--until") })
	}
	return args
}

func (d *selected) recipient(rng *rand.Rand) (r struct {
	To, Status string
	OrigTo     string `json:"orig_to"`
	Delay      float64
	Relay      struct{ Hostname, IP, Name string }
},
) {
	if len(d.Recipients) > 0 {
		r = d.Recipients[rng.IntN(len(d.Recipients))]
	}
	return r
}

// flag is nothing where there is no value.
func flag(name, value string) []string {
	if value == "" || value == "0s" {
		return nil
	}
	return []string{"--" + name + "=" + value}
}

func pick(rng *rand.Rand, of ...string) string { return of[rng.IntN(len(of))] }

func partOfAddress(rng *rand.Rand, address string) string {
	local, domain, found := strings.Cut(address, "@")
	if !found {
		return address
	}
	return pick(rng, address, strings.ToUpper(address), "@"+domain, local+"@", local, domain[:len(domain)/2+1], "*@"+domain, "@*"+domain[1:], local[:1]+"*@"+domain)
}

func partOfHost(rng *rand.Rand, name, ip string) string {
	if name == "" {
		return ip
	}
	parts := []string{name, strings.ToUpper(name), "*" + name[1:], ip}
	if _, below, found := strings.Cut(name, "."); found {
		parts = append(parts, "."+below)
	}
	if strings.Count(ip, ".") == 3 {
		parts = append(parts, ip+"/24", ip+"/31")
	}
	return pick(rng, parts...)
}

func partOfText(rng *rand.Rand, text string) string {
	words := strings.Fields(text)
	if len(words) == 0 {
		return ""
	}
	word := words[rng.IntN(len(words))]
	if len(word) > 200 {
		return fmt.Sprintf("%.100s*", word)
	}
	half := []rune(word)[:(len([]rune(word))+1)/2]
	return pick(rng, word, strings.ToUpper(word), string(half)+"*", "*"+string(half)+"*", word+" "+words[rng.IntN(len(words))], word+", "+string(half))
}

// wordsFile has texts with the words that they are cut into, which worker/message is tested by.
const wordsFile = "../worker/message/testdata/words.json"

// The words that trace -f goes by are those that Elasticsearch makes of a text.
func TestWordsAreThoseOfTheIndex(t *testing.T) {
	s := site.New(t)
	source, err := os.ReadFile(wordsFile)
	if err != nil {
		t.Fatal(err)
	}
	var texts []struct {
		Text  string   `json:"text"`
		Words []string `json:"words"`
	}
	if err := json.Unmarshal(source, &texts); err != nil || len(texts) < 50 {
		t.Fatalf("%d texts, %v", len(texts), err)
	}
	for _, x := range texts {
		var answer struct{ Tokens []struct{ Token string } }
		s.ES("POST", "/_analyze", map[string]any{"analyzer": "standard", "text": x.Text}, &answer)
		words := []string{}
		for _, token := range answer.Tokens {
			words = append(words, token.Token)
		}
		if !slices.Equal(words, x.Words) {
			got, _ := json.Marshal(words) //nolint:errchkjson // strings
			t.Errorf("%q: Elasticsearch says %s, the file %q", x.Text, got, x.Words)
		}
	}
}
