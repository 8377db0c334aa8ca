package esnode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// store is the folder that holds the unpacked distribution and the files of the running nodes.
// It lies below the temporary folder and not in the user's cache, because a node
// started by root runs as nobody, who may not enter /root.
type store struct {
	root string
	as   *syscall.Credential // nil: nodes run as this user
}

// unprivileged is the identity for the node when this process is root, which
// Elasticsearch refuses to run as; nil otherwise.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("find a user for Elasticsearch, which refuses to run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("user id of nobody: %w", err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("group id of nobody: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// openStore makes the store's folder or checks the one that is there.
func openStore(as *syscall.Credential) (*store, error) {
	for _, parent := range []string{os.TempDir(), "/var/tmp"} {
		if as != nil && !enterable(parent) {
			continue
		}
		root := filepath.Join(parent, "postweave-elasticsearch-"+strconv.Itoa(os.Getuid()))
		if err := own(root); err != nil {
			return nil, err
		}
		return &store{root: root, as: as}, nil
	}
	return nil, fmt.Errorf("neither %s nor /var/tmp can be entered by an unprivileged user, and Elasticsearch refuses to run as root: set TMPDIR", os.TempDir())
}

// enterable reports whether every user may pass through dir and all that lies above it.
func enterable(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		up := filepath.Dir(dir)
		if up == dir {
			return true
		}
		dir = up
	}
}

// own makes dir, open for all to read and for this user alone to write. A folder
// of that name that is a link, or another's, or writable by others is refused:
// what lies in it is going to be run.
func own(dir string) error {
	if err := os.Mkdir(dir, 0o755); err == nil {
		return os.Chmod(dir, 0o755) // whatever the umask
	} else if !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make a folder for Elasticsearch: %w", err)
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s is not a folder that only this user may write: remove it", dir)
	}
	return nil
}

// lock takes the store for one process, so that two test binaries neither fetch
// nor unpack the same thing at once. The kernel releases it when the process ends.
func (s *store) lock(ctx context.Context) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(s.root, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			_ = f.Close()
			return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("wait for another process that is preparing Elasticsearch in %s: %w", s.root, ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// runFolder holds the files of one running node.
type runFolder struct {
	root  string
	alive *os.File // locked while the process that runs the node lives
}

const runPrefix = "run-"

// newRunFolder makes the folder of one node, with a copy of the distribution's
// configuration, since the node writes a keystore beside it. It also removes the
// folders of processes that ended without removing theirs. The store must be locked.
func (s *store) newRunFolder(home string) (*runFolder, error) {
	s.sweep()
	root, err := os.MkdirTemp(s.root, runPrefix)
	if err != nil {
		return nil, fmt.Errorf("make a folder for the node: %w", err)
	}
	d := &runFolder{root: root}
	if err := d.fill(home, s.as); err != nil {
		d.remove()
		return nil, fmt.Errorf("prepare the node's folder %s: %w", root, err)
	}
	return d, nil
}

func (d *runFolder) path(elem ...string) string {
	return filepath.Join(append([]string{d.root}, elem...)...)
}

func (d *runFolder) fill(home string, as *syscall.Credential) error {
	alive, err := lockFile(d.path("alive"))
	if err != nil {
		return err
	}
	d.alive = alive
	for _, name := range []string{"data", "logs", "tmp"} {
		if err := os.Mkdir(d.path(name), 0o700); err != nil {
			return err
		}
	}
	if err := os.CopyFS(d.path("config"), os.DirFS(filepath.Join(home, "config"))); err != nil {
		return err
	}
	if err := os.WriteFile(d.path("config", "jvm.options"), []byte(jvmOptions), 0o600); err != nil {
		return err
	}
	if as == nil {
		return nil
	}
	return filepath.WalkDir(d.root, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(as.Uid), int(as.Gid))
	})
}

// jvmOptions are the distribution's own without the garbage collector's log and
// the heap dump, which can each take a gigabyte.
const jvmOptions = `-XX:+UseG1GC
-Djava.io.tmpdir=${ES_TMPDIR}
20-:--add-modules=jdk.incubator.vector
-XX:+ExitOnOutOfMemoryError
-XX:-HeapDumpOnOutOfMemoryError
-XX:ErrorFile=hs_err_pid%p.log
`

// remove takes the folder away. What cannot be removed is left to the next sweep.
func (d *runFolder) remove() {
	_ = os.RemoveAll(d.root)
	if d.alive != nil {
		_ = d.alive.Close()
	}
}

// sweep removes the folders whose process is gone.
func (s *store) sweep() {
	entries, err := os.ReadDir(s.root)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), runPrefix) {
			continue
		}
		dir := filepath.Join(s.root, e.Name())
		alive, err := lockFile(filepath.Join(dir, "alive"))
		if errors.Is(err, syscall.EWOULDBLOCK) {
			continue
		}
		_ = os.RemoveAll(dir)
		if err == nil {
			_ = alive.Close()
		}
	}
}

// lockFile opens and locks a file, or fails at once with EWOULDBLOCK where another process has it.
func lockFile(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
