package maillog

import (
	"os"
	"strings"
	"testing"
)

func TestZZDump(t *testing.T) {
	out := os.Getenv("ZZ_DUMP")
	if out == "" {
		t.Skip()
	}
	var docs []string
	for _, n := range []string{labLog, edgeLog, aggregateLog} {
		docs = append(docs, reference(corpus(t, n))...)
	}
	log, _ := repeated(t, 1)
	docs = append(docs, reference(strings.Split(log, "\n"))...)
	os.WriteFile(out, []byte(strings.Join(docs, "\n")), 0o600)
}
