//go:build unix

package site

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// clockVariable names the file that says by how many seconds the clock of the
// command is wrong.
const clockVariable = "POSTWEAVE_TEST_CLOCK"

// wrongNow is put before the first statement of time.Now. Only what a clock on
// the wall shows is moved, as when somebody sets it: the monotonic one runs on.
const wrongNow = `
	defer func() { result = moved(result) }()
`

// wrongClock is the rest of what the standard library gets. The file is memory
// that the test writes to: time.Now is called where no file may be read.
const wrongClock = `
var wrongBy = func() *int64 {
	path, ok := syscall.Getenv("` + clockVariable + `")
	if !ok {
		return new(int64)
	}
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		panic(err)
	}
	defer syscall.Close(fd)
	memory, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic(err)
	}
	return (*int64)(unsafe.Pointer(&memory[0]))
}()

func moved(t Time) Time {
	if wrongBy == nil { // not yet
		return t
	}
	if by := *wrongBy; t.wall&hasMonotonic != 0 {
		t.wall += uint64(by) << nsecShift
	} else {
		t.ext += by
	}
	return t
}
`

// clocked builds the command with a time.Now that can be wrong. A Go program
// asks the kernel for the time without a call that a library could stand before, so neither faketime nor a
// time namespace, which has no wall clock, can move it; all else of the command is as it is shipped.
var clocked = sync.OnceValues(func() (string, error) {
	shipped, err := Binary()
	if err != nil {
		return "", err
	}
	dir := filepath.Dir(shipped) // is removed after the tests
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	original := filepath.Join(strings.TrimSpace(string(out)), "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		return "", err
	}
	text := string(source)
	for _, change := range [][2]string{
		{"func Now() Time {\n", "func Now() (result Time) {" + wrongNow},
		{"\t\"math/bits\"\n", "\t\"math/bits\"\n\t\"syscall\"\n"},
		{"_ \"unsafe\"", "\"unsafe\""},
	} {
		if strings.Count(text, change[0]) != 1 {
			return "", fmt.Errorf("time.go of this Go has not %q once", change[0])
		}
		text = strings.Replace(text, change[0], change[1], 1)
	}
	replaced, list, command := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "postweave-clock")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{original: replaced}})
	if err != nil {
		return "", err
	}
	for name, content := range map[string][]byte{replaced: []byte(text + wrongClock), list: overlay} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return "", err
		}
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-overlay", list, "-o", command, "./cmd/postweave")
	build.Dir = root // these tests are another module
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the command with a clock that can be wrong: %w\n%s", err, out)
	}
	return command, nil
})

// Clock is the one on the wall of one worker: a file of eight bytes.
type Clock struct {
	t    testing.TB
	file *os.File
}

// NewClock is a clock that is right.
func NewClock(t testing.TB) *Clock {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "clock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	c := &Clock{t, file}
	c.Set(0)
	return c
}

// Set puts the clock so far ahead, or behind, whole seconds.
func (c *Clock) Set(by time.Duration) {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], uint64(by/time.Second))
	if _, err := c.file.WriteAt(b[:], 0); err != nil {
		c.t.Error(err)
	}
}

// Command prepares a call under this clock.
func (c *Clock) Command(s *Site, args ...string) *exec.Cmd {
	c.t.Helper()
	path, err := clocked()
	if err != nil {
		c.t.Fatal(err)
	}
	cmd, _, _ := s.Command(args...)
	cmd.Path, cmd.Args[0] = path, path
	cmd.Env = append(cmd.Env, clockVariable+"="+c.file.Name(), "POSTWEAVE_LOG_LEVEL=debug")
	return cmd
}

// Call makes one under this clock.
func (c *Clock) Call(s *Site, args ...string) Outcome {
	c.t.Helper()
	cmd := c.Command(s, args...)
	stdout, stderr := &strings.Builder{}, &strings.Builder{}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	code := ExitCodeOf(c.t, cmd.Run())
	return Outcome{Code: code, Stdout: stdout.String(), Stderr: stderr.String()}
}
