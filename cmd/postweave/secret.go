package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/postweave/postweave/esquery"
)

// secretFile is a file that a secret was read from.
type secretFile struct {
	setting string // in the words of an error: POSTWEAVE_ES_PASSWORD_FILE
	path    string
}

// maxSecret bounds the file of a secret: a key or a password is a line.
const maxSecret = 64 << 10

// readSecret reads a file as Kubernetes or systemd mount it, without the line
// end that an editor or echo leaves behind. The path is looked up anew each time:
// Kubernetes replaces a secret by turning a link to another folder.
func readSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", unreadableSecret(path, err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return "", unreadableSecret(path, err)
	case len(content) > maxSecret:
		return "", fmt.Errorf("%s is larger than 64 KiB, which is no password or key", path)
	}
	secret := strings.TrimRight(string(content), "\r\n")
	if secret == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return secret, nil
}

// unreadableSecret names the file only where it looks like one. Where it does not it
// may be the secret itself, put where its file's path belongs.
func unreadableSecret(path string, err error) error {
	var failed *fs.PathError
	if !errors.As(err, &failed) {
		return errors.New("cannot read the secret")
	}
	name := "the file"
	for _, begin := range []string{"/", "./", "../"} {
		if strings.HasPrefix(path, begin) {
			name = path
		}
	}
	return fmt.Errorf("cannot read the secret: %s: %w", name, failed.Err)
}

// rereadable tells whether a file has its content the next time too. A pipe, as the shell's <(…) makes one, does not.
func rereadable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// credentials returns what reads the login again from the files that it came
// from; nil where it came from none.
func (c Config) credentials() func() (esquery.Credentials, error) {
	if len(c.secretFiles) == 0 {
		return nil
	}
	return func() (esquery.Credentials, error) {
		now := esquery.Credentials{Username: c.Username, Password: c.Password, APIKey: c.APIKey}
		for key, into := range map[string]*string{"ES_PASSWORD": &now.Password, "ES_API_KEY": &now.APIKey} {
			f, ok := c.secretFiles[key]
			if !ok {
				continue
			}
			var err error
			if *into, err = readSecret(f.path); err != nil {
				return esquery.Credentials{}, fmt.Errorf("%s: %w", f.setting, err)
			}
		}
		return now, nil
	}
}

// String keeps the secrets out of whatever a Config is printed into.
func (c Config) String() string { return "the configuration" }

// GoString is String, for %#v.
func (c Config) GoString() string { return c.String() }
