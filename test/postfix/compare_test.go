package main

import "testing"

// The folder holds what a run with Postfix 3.7.11 left behind: "bin/test-postfix
// -keep", and "gzip -9n" of its two logs and journal.json, with the temporary directory's random number taken
// out of its name. So every situation is compared, and every falsehood told, on machines without a
// Postfix too. A folder for another version may stand beside it.
func TestRecordedRun(t *testing.T) {
	r, err := read(t.Context(), "testdata/3.7.11")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(compare(r.journal, r.documents, r.lines), complaints(r.report)...) {
		t.Error(f)
	}
	if len(r.documents) < 200 || len(r.journal.Wants) < 100 {
		t.Errorf("%d documents and %d wants: the run is not whole", len(r.documents), len(r.journal.Wants))
	}
}

func TestFalsehoodsAreNoticed(t *testing.T) {
	unnoticed, n, err := falsify(t.Context(), "testdata/3.7.11")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range unnoticed {
		t.Error("not noticed:", name)
	}
	if n < 100 {
		t.Errorf("only %d falsehoods were told", n)
	}
}
