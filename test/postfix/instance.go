package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
	"time"
)

//go:embed conf
var conf embed.FS

// Instance is one Postfix of ours, with all its files under one directory.
type Instance struct {
	Name string // its syslog_name: "postfix-mx"
	root string // of all its files
	dir  string // main.cf, master.cf and tables; beside queue and data, which postfix-script(1) wants
	log  string
	run  bool
}

// start writes the configuration and starts the instance. values are what the
// files in conf/ are filled with.
func start(ctx context.Context, name, dir, log string, values any) (*Instance, error) {
	root := filepath.Join(dir, name)
	i := &Instance{Name: name, root: root, dir: filepath.Join(root, "etc"), log: log}
	for _, sub := range []string{"etc", "queue", "data", "forward", "mail"} {
		if err := os.MkdirAll(filepath.Join(root, sub), 0o755); err != nil {
			return nil, err
		}
	}
	files, err := conf.ReadDir("conf/" + name)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		t, err := template.ParseFS(conf, "conf/"+name+"/"+f.Name(), "conf/common/*")
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, values); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(i.dir, f.Name()), b.Bytes(), 0o644); err != nil {
			return nil, err
		}
	}
	// data_directory must be the mail system's own.
	if err := i.call(ctx, "chown", "postfix", filepath.Join(root, "data")); err != nil {
		return nil, err
	}
	// Mailboxes belong to whom the mail is for.
	if err := os.Chmod(filepath.Join(root, "mail"), 0o777|os.ModeSticky); err != nil { // as /tmp
		return nil, err
	}
	i.run = true
	return i, i.postfix(ctx, "start")
}

// stop ends the instance: in order, and if that takes too long, at once.
func (i *Instance) stop() error {
	if !i.run {
		return nil
	}
	i.run = false
	ctx := context.Background()
	err := i.postfix(ctx, "stop")
	if err == nil {
		return nil
	}
	// "stop" fails too where the instance never came up.
	if running := i.postfix(ctx, "status"); running != nil {
		return nil
	}
	return errors.Join(err, i.postfix(ctx, "abort"))
}

// postfix runs the command of that name, to its end even where the test is
// interrupted: a "start" that was killed might still start something.
func (i *Instance) postfix(ctx context.Context, what string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return i.call(ctx, "postfix", "-c", i.dir, what)
}

// postsuper acts on queue files: postsuper("-h", id).
func (i *Instance) postsuper(ctx context.Context, action, id string) error {
	return i.call(ctx, "postsuper", "-c", i.dir, action, id)
}

// queued tells how many messages are in the queue, those on hold left out.
func (i *Instance) queued(ctx context.Context) (int, error) {
	out, err := i.output(ctx, "", "postqueue", "-c", i.dir, "-j")
	n := 0
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "{") && !strings.Contains(line, `"queue_name": "hold"`) {
			n++
		}
	}
	return n, err
}

// call runs a program of Postfix's.
func (i *Instance) call(ctx context.Context, args ...string) error {
	_, err := i.output(ctx, "", args...)
	return err
}

// output runs a program of Postfix's and returns what it printed. Into a file and not a
// pipe: master(8) lives on and would keep the pipe open.
func (i *Instance) output(ctx context.Context, stdin string, args ...string) (string, error) {
	f, err := os.CreateTemp(i.root, "out")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name()) // it lies in the directory that is removed in the end
	defer f.Close()           // read by its name
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	detach(c)
	// TZ is one of the few variables that Postfix hands on (import_environment).
	c.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(stdin), f, f
	err = c.Run()
	out, errRead := os.ReadFile(f.Name())
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return string(out), errRead
}
