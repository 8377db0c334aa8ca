package maillog

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/postweave/postweave/worker/message"
)

// FuzzLines feeds any bytes: nothing panics, and every line is counted once.
func FuzzLines(f *testing.F) {
	f.Add([]byte("Nov 22 01:00:00 mx1 postfix/qmgr[1]: AAAAAA1: removed\n"), uint16(0))
	f.Add([]byte("Nov 22 01:00:00 mx1 postfix/qmgr[1]: AAAAAA1: removed\r\n\n\x00\x00Feb 29 01:00:00 mx1 postfix/qmgr[1]: AAAAAA1: removed"), uint16(3))
	f.Add([]byte("2026-11-22T01:00:00.123456+01:00 mx1 postfix/smtpd[1]: NOQUEUE: reject: RCPT from a[192.0.2.1]: 554 5.7.1 no; from=<> to=<b>\n"), uint16(1))
	f.Add([]byte(packedText("Nov 22 01:00:00 mx1 opendkim[1]: 4jXBLW1S2Pz1SGX8: x\n")), uint16(100))
	f.Fuzz(func(t *testing.T, data []byte, memory uint16) {
		once := func(r io.Reader) (docs []string, report Report, err error) {
			in := Input{Name: "log", Open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
			report, err = Merge(t.Context(), Options{Inputs: []Input{in}, Year: testYear, MaxMemory: int64(memory), SpillDir: t.TempDir(), Explain: true}, func(d *message.Document) error {
				docs = append(docs, string(d.AppendJSON(nil)))
				return nil
			})
			return docs, report, err
		}
		docs, report, err := once(bytes.NewReader(data))
		if errors.Is(err, ErrNotLog) || errors.Is(err, ErrDamaged) && report.Lines == 0 {
			return
		}
		accounted(t, report)
		plain := !bytes.HasPrefix(data, []byte{0x1f, 0x8b})
		if plain && err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(data, []byte("\n")); plain {
			body := bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
			if len(body) > 0 && body[len(body)-1] != '\n' {
				lines++
			}
			if report.Lines != int64(lines) || report.Bytes != int64(len(body)) {
				t.Fatalf("%d lines of %d bytes, want %d of %d", report.Lines, report.Bytes, lines, len(body))
			}
		}
		again, _, _ := once(iotest.HalfReader(bytes.NewReader(data)))
		if strings.Join(docs, "\n") != strings.Join(again, "\n") {
			t.Fatal("other documents where reads are short")
		}
	})
}
