package terminal

import "testing"

func TestScreen(t *testing.T) {
	for written, want := range map[string]string{
		"one\r\ntwo\r\n": "one\ntwo\n",
		"\rbar 50%\r       \rone\r\n\rbar\r   \r": "one\n",
		"a row\rbar\r\n": "barow\n", // which is what must not happen
		"\r42%\r7%":      "7%%",
	} {
		if got := Screen(written); got != want {
			t.Errorf("%q shows %q, want %q", written, got, want)
		}
	}
}
