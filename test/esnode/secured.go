package esnode

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"syscall"
	"time"
)

// User is somebody who may use a secured node, and what for.
type User struct {
	Name, Password string
	Cluster        []string // cluster privileges
	Indices        []Grant
	// Role is the user's role as a request that creates it holds it, in place of Cluster and Indices.
	Role json.RawMessage
}

// Grant is privileges on indices.
type Grant struct {
	Names      []string `json:"names"` // names or patterns
	Privileges []string `json:"privileges"`
}

// self is the test's own user, who may do everything.
const self = "postweave-test"

// selfPassword is not its name, which commands may print.
const selfPassword = "correct-horse-of-tests"

// lookInterval is how often a node looks at the files of its users.
const lookInterval = time.Second

// secured are the settings of a node with users. They stand in files (the file
// realm): the native realm keeps them in an index whose template needs modules
// that this distribution lacks, and so do API keys.
var secured = map[string]string{
	"xpack.security.enabled":                        "true",
	"xpack.security.authc.realms.file.file1.order":  "0",
	"xpack.security.authc.realms.native.n1.order":   "1",
	"xpack.security.authc.realms.native.n1.enabled": "false",
	"xpack.security.transport.ssl.enabled":          "false",
	"xpack.security.http.ssl.enabled":               "false",
	"xpack.security.authc.reserved_realm.enabled":   "false",
	"xpack.security.autoconfiguration.enabled":      "false",
	// A user that Revoke takes away is gone after a second and not after five.
	"resource.reload.interval.high": lookInterval.String(),
}

// As is the node's address for one of its users, with the name and the password in it.
func (n *Node) As(user string) string {
	password := selfPassword
	for _, u := range n.options.Users {
		if u.Name == user {
			password = u.Password
		}
	}
	at, err := url.Parse(n.URL)
	if err != nil {
		panic(err) // the node wrote it
	}
	at.User = url.UserPassword(user, password)
	return at.String()
}

// Revoke takes users away from a secured node while it runs, as if they had
// been deleted. It returns at once; the node looks at its files every second.
func (n *Node) Revoke(users ...string) error {
	left := make([]User, 0, len(n.options.Users))
	for _, u := range n.options.Users {
		gone := false
		for _, name := range users {
			gone = gone || u.Name == name
		}
		if !gone {
			left = append(left, u)
		}
	}
	return n.dir.secure(left, n.as, 0)
}

// Admit adds users to a secured node while it runs, and gives those that are there
// their new password or role. The node knows them a second after it returns.
func (n *Node) Admit(users ...User) error {
	for _, u := range users {
		others := slices.DeleteFunc(slices.Clone(n.options.Users), func(x User) bool { return x.Name == u.Name })
		n.options.Users = append(others, u)
	}
	return n.dir.secure(n.options.Users, n.as, 2*lookInterval)
}

// secure writes the files of the file realm, the passwords after a pause: a node
// remembers that a role is not there, and one that is asked for while it is being read may stay so.
func (d *runFolder) secure(users []User, as *syscall.Credential, pause time.Duration) error {
	var passwords, members, roles bytes.Buffer
	users = append([]User{{Name: self, Password: selfPassword}}, users...)
	for i, u := range users {
		hash, err := hashed(u.Password)
		if err != nil {
			return err
		}
		fmt.Fprintf(&passwords, "%s:%s\n", u.Name, hash)
		if i == 0 {
			fmt.Fprintf(&members, "superuser:%s\n", u.Name)
			continue
		}
		// What is JSON is YAML too.
		role := u.Role
		if role == nil {
			if role, err = json.Marshal(map[string]any{"cluster": append([]string{}, u.Cluster...), "indices": append([]Grant{}, u.Indices...)}); err != nil {
				return err
			}
		}
		var line bytes.Buffer
		if err := json.Compact(&line, role); err != nil {
			return fmt.Errorf("role of %s: %w", u.Name, err)
		}
		fmt.Fprintf(&roles, "%s: %s\n", u.Name, line.Bytes())
		fmt.Fprintf(&members, "%s:%s\n", u.Name, u.Name)
	}
	if err := errors.Join(d.replace("roles.yml", roles.Bytes(), as), d.replace("users_roles", members.Bytes(), as)); err != nil {
		return err
	}
	time.Sleep(pause)
	return d.replace("users", passwords.Bytes(), as)
}

// replace writes a file of the configuration beside its place and renames it,
// since the node may be reading it.
func (d *runFolder) replace(name string, content []byte, as *syscall.Credential) error {
	at := d.path("config", name)
	if err := os.WriteFile(at+".new", content, 0o600); err != nil {
		return err
	}
	if as != nil {
		if err := os.Chown(at+".new", int(as.Uid), int(as.Gid)); err != nil {
			return err
		}
	}
	return os.Rename(at+".new", at)
}

// hashed is a password as the file realm keeps it.
func hashed(password string) (string, error) {
	const rounds, size = 1000, 32 // what guards nothing may be quick
	salt := make([]byte, size)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	key, err := pbkdf2.Key(sha512.New, password, salt, rounds, size)
	if err != nil {
		return "", err
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("{PBKDF2}%d$%s$%s", rounds, encode(salt), encode(key)), nil
}
