package site

import "testing"

func TestPromised(t *testing.T) {
	got := Promised(`tls {"a":"tls","tls":{"x":{"y":[1]}},"b":[{"session":{"q":1}}],"session":{"c":[{"tls":"z"}]},"d":1}`)
	if want := `tls {"a":"tls","b":[{"session":{"q":1}}],"d":1}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
