package bench

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestMeteredIsWhatTheNodeTookMeanwhile(t *testing.T) {
	stats := func(millis, requests int) string {
		return fmt.Sprintf(`{"nodes":{"a":{"process":{"cpu":{"total_in_millis":%d}},"http":{"routes":{"/_search":{"requests":{"count":%d}},"/_nodes/stats":{"requests":{"count":%d}}}}}}}`, millis, requests, 3*requests)
	}
	n, _ := node(t, stats(1000, 5), stats(3500, 25))
	m := n.Metered(Measurement{Run: func(context.Context) (Count, error) { return Count{Elapsed: time.Second}, nil }})
	c, err := m.Run(t.Context())
	if err != nil || c.NodeCPU != 2500*time.Millisecond || c.Requests != 20 {
		t.Errorf("%+v %v", c, err)
	}
}

func TestRecorderCountsAndPassesOn(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.URL.Path) }))
	defer s.Close()
	r, err := Record(NewNode(s.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	through := NewNode(r.URL)
	for _, path := range []string{"/a-2*/_search", "/_search", "/b/_doc/x", "/b"} {
		if err := through.Put(t.Context(), path, ""); err != nil {
			t.Fatal(err)
		}
	}
	if all, kinds := r.Taken(); all != 4 || kinds != "PUT _doc 1, PUT _search 2, PUT index 1" {
		t.Error(all, kinds)
	}
	if all, kinds := r.Taken(); all != 0 || kinds != "" {
		t.Error(all, kinds)
	}
}
