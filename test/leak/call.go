package leak

import (
	"encoding/base64"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// InCall returns what a call of postweave tells that is private, the secrets that
// it was given included. Commands whose results are mail data may print those on stdout, and
// repeat on stderr what their own arguments say; all else may not.
func (k *Known) InCall(c *exec.Cmd, stdout, stderr string) []Find {
	k.AddCall(c)
	args := c.Args[1:]
	if shows(args) {
		stdout = ""
		for i, a := range args {
			_, value, _ := strings.Cut(a, "=")
			if strings.HasPrefix(a, "--es-") || i > 0 && strings.HasPrefix(args[i-1], "--es-") {
				continue // may be a secret
			}
			for _, own := range []string{a, value} {
				if len(own) > 3 {
					stderr = strings.ReplaceAll(stderr, own, "")
				}
			}
		}
	}
	return append(k.In(stdout), k.In(stderr)...)
}

// shows tells whether what a call prints on stdout is a result that may, or
// has to, hold mail data or an example of it.
func shows(args []string) bool {
	return len(args) == 0 || slices.Contains([]string{"merge", "trace", "report", "help", "completion"}, args[0]) ||
		slices.ContainsFunc(args, func(a string) bool { return a == "--help" || a == "-h" || strings.HasPrefix(a, "--print") })
}

// AddCall takes up the passwords and keys that a call is given, in whichever way.
func (k *Known) AddCall(c *exec.Cmd) {
	given := map[string]string{} // by the setting's name, ES_PASSWORD
	for _, e := range c.Env {
		if name, value, ok := strings.Cut(strings.TrimPrefix(e, "POSTWEAVE_"), "="); ok {
			given[name] = value
		}
	}
	for i, a := range c.Args {
		flag, value, ok := strings.Cut(a, "=")
		if !ok && i+1 < len(c.Args) {
			value = c.Args[i+1]
		}
		if name, ok := strings.CutPrefix(flag, "--"); ok {
			given[strings.ToUpper(strings.ReplaceAll(name, "-", "_"))] = value
		}
	}
	for _, name := range []string{"ES_PASSWORD", "ES_API_KEY"} {
		k.AddSecret(given[name])
		if file := given[name+"_FILE"]; file != "" {
			if !filepath.IsAbs(file) {
				file = filepath.Join(c.Dir, file)
			}
			if content, err := os.ReadFile(file); err == nil { // else a test of a missing one
				k.AddSecret(string(content))
			}
		}
	}
	k.addLogin(given["ES_USERNAME"], given["ES_PASSWORD"])
	for address := range strings.SplitSeq(given["ES_URL"], ",") {
		if u, err := url.Parse(address); err == nil && u.User != nil {
			password, _ := u.User.Password()
			k.AddSecret(password)
			k.addLogin(u.User.Username(), password)
		}
	}
}

// addLogin takes up how a login is sent.
func (k *Known) addLogin(user, password string) {
	if password != "" {
		k.AddSecret(base64.StdEncoding.EncodeToString([]byte(user + ":" + password)))
	}
}
