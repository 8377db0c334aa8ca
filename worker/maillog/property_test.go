package maillog

import (
	"cmp"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postweave/postweave/test/lives"
	"github.com/postweave/postweave/test/loggen"
)

// Any messages of two servers, in a log that is out of order by less than the
// window, with lines twice, in one file or two, with memory for all or for next to nothing: what comes out line by
// line is what a merge of all lines at once gives.
func TestAnyMessagesComeOutAsFromMemory(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		var log []loggen.Line
		start := time.Date(testYear, 11, 20, 21, 0, 0, 0, time.UTC)
		for _, host := range []string{"mx1", "mx2"} {
			at := start
			for _, id := range []string{"3A9C96093D", "3A9C96093D", "4B9C96093E", "4jXBLW1S2Pz1SGX8"} {
				life := lives.Draw(rt, lives.Config{Host: host, ID: id, At: at, Origin: true})
				log = append(log, life...)
				at = lives.End(life).Add(time.Duration(rapid.IntRange(3600, 50_000).Draw(rt, "gap")) * time.Second)
			}
		}
		slices.SortStableFunc(log, func(a, b loggen.Line) int { return a.Time.Compare(b.Time) })
		var lines []string
		for _, l := range log {
			row := strings.TrimSuffix(string(l.AppendRFC3339(nil)), "\n")
			lines = append(lines, row)
			if rapid.IntRange(0, 4).Draw(rt, "twice") == 0 {
				lines = append(lines, row)
			}
		}
		want := reference(lines)
		files := make([][]string, rapid.IntRange(1, 2).Draw(rt, "files"))
		for _, row := range disordered(lines, DefaultWindow, rapid.Uint64().Draw(rt, "seed")) {
			i := rapid.IntRange(0, len(files)-1).Draw(rt, "file")
			files[i] = append(files[i], row)
		}
		o := Options{Year: testYear, SpillDir: dir, MaxMemory: rapid.SampledFrom([]int64{0, 1, 4000, 20_000}).Draw(rt, "memory")}
		for i, rows := range files {
			if len(rows) > 0 {
				o.Inputs = append(o.Inputs, input(string(rune('a'+i)), text(rows)))
			}
		}
		got, report := merged(t, o)
		slices.SortFunc(got, cmp.Compare[string])
		if !slices.Equal(got, want) || report.Late > 0 {
			rt.Fatalf("%d documents, want %d; %d late\n got %s\nwant %s", len(got), len(want), report.Late, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}
