package checkup

import (
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// nobody is an address at which nothing listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

var _ = provoke(map[string]func(t *testing.T, name string){
	"no-answer": func(t *testing.T, name string) {
		p := healthy(t, name)
		p.Via = nobody(t)
		p.foretold(p.sick(p.Via))
		p.Via = p.Node
		p.well()
	},
	"address-dead": func(t *testing.T, name string) {
		p := healthy(t, name)
		dead := nobody(t)
		p.Via = dead + "," + p.Node
		p.foretold(p.sick(dead))
		p.Via = p.Node
		p.well()
	},
	"not-elasticsearch": func(t *testing.T, name string) {
		p := healthy(t, name)
		for what, answer := range map[string]func(w http.ResponseWriter){
			"a shop": func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = w.Write([]byte("<html>a shop</html>"))
			},
			"Kibana": func(w http.ResponseWriter) {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(http.StatusNotFound)
				_, _ = w.Write([]byte(`{"statusCode":404,"error":"Not Found","message":"Not Found"}`))
			},
		} {
			t.Run(what, func(t *testing.T) {
				p := *p
				p.t, p.T = t, t
				web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
				defer web.Close()
				p.Via = web.URL
				p.foretold(p.sick(web.URL))
				p.Via = p.Node
				p.well()
			})
		}
	},
})
