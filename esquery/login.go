package esquery

import (
	"errors"
	"fmt"
	"net/http"
	"sync"

	"go.uber.org/zap"
)

// Credentials are what a client logs in with: Username with Password, or APIKey.
type Credentials struct{ Username, Password, APIKey string }

// login is the value of the Authorization header. It may be another one after
// Elasticsearch has refused it: secrets are rotated, and a daemon outlives them.
//
// Files are not watched for that. What counts is when the old secret ends, which
// the refusal tells and the file does not: an operator changes the one before the other.
type login struct {
	cfg  Config
	read func() (Credentials, error) // nil: what there is is all

	mu     sync.Mutex
	header string
}

func newLogin(cfg Config) (*login, error) {
	header, err := cfg.authorization()
	return &login{cfg: cfg, read: cfg.Credentials, header: header}, err
}

// current returns the header's value, "" where nobody logs in.
func (l *login) current() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.header
}

var (
	errSameSecret = errors.New("the login was refused, and the file of the secret holds the same one")
	errUnreadable = errors.New("the login was refused, and the secret cannot be read again")
)

// renew is told which value was refused, and returns nil where there is another
// one by now. Of many requests that were refused together, the first reads the files.
func (l *login) renew(refused string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.header != refused {
		return nil
	}
	c, err := l.read()
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	cfg := l.cfg
	cfg.Username, cfg.Password, cfg.APIKey = c.Username, c.Password, c.APIKey
	header, err := cfg.authorization()
	if err != nil {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	if header == refused {
		return errSameSecret
	}
	l.header = header
	return nil
}

// relogin decides what becomes of a failed attempt that was made with a login:
// nil is to make it once more with another one, even where the request is not idempotent, since
// nothing is done for a login that is refused. renewed says that this was so once
// already: a cluster locks out those who keep trying.
func (c *Client) relogin(failed *Error, refused string, renewed bool) *Error {
	if failed.Status != http.StatusUnauthorized || c.login.read == nil {
		return failed
	}
	if renewed {
		failed.Err = errors.New("the login was refused, and so is the one that was read anew")
		return failed
	}
	if err := c.login.renew(refused); err != nil {
		failed.Err = err
		return failed
	}
	c.log.Info("the login was refused; its secret was read anew, going on with that", zap.String("op", failed.Op))
	return nil
}

// String keeps the secrets out of whatever a Config is printed into.
func (cfg Config) String() string { return "the configuration of a client" }

// GoString is String, for %#v.
func (cfg Config) GoString() string { return cfg.String() }

// String keeps the secrets out of whatever they are printed into.
func (c Credentials) String() string { return "credentials" }

// GoString is String, for %#v.
func (c Credentials) GoString() string { return c.String() }
