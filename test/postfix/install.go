package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

var errUnsuitable = errors.New("needs root on Debian")

// suitable tells whether this machine can run the test.
func suitable() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: not root", errUnsuitable)
	}
	if installed() {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("%w: there is neither Postfix nor apt-get", errUnsuitable)
	}
	return nil
}

func installed() bool {
	_, err := exec.LookPath("postfix")
	return err == nil
}

// install installs Debian's package where there is no Postfix, without a
// configuration and without starting it.
//
// With --no-remove: another mail server on the machine has to stay, and both do not go together.
func install(ctx context.Context) error {
	if installed() {
		return nil
	}
	fmt.Println("installing Debian's postfix")
	restore, err := forbidServices()
	if err != nil {
		return err
	}
	defer restore()
	apt := []string{"apt-get", "install", "-y", "-q", "--no-install-recommends", "--no-remove", "postfix"}
	if err := command(ctx, preseed, "debconf-set-selections"); err != nil {
		return err
	}
	if err := command(ctx, "", apt...); err == nil {
		return nil
	}
	// The list of packages may be missing or old.
	if err := command(ctx, "", "apt-get", "update", "-q"); err != nil {
		return err
	}
	return command(ctx, "", apt...)
}

const preseed = "postfix postfix/main_mailer_type select No configuration\n"

// forbidServices keeps the package from starting anything (policy-rc.d of
// Debian's invoke-rc.d), unless the machine has a policy of its own.
func forbidServices() (restore func(), err error) {
	const policy = "/usr/sbin/policy-rc.d"
	f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	restore = func() { os.Remove(policy) } // nothing more can be done
	if _, err = f.WriteString("#!/bin/sh\nexit 101\n"); err == nil {
		err = f.Close()
	}
	if err != nil {
		restore()
		return nil, err
	}
	return restore, nil
}

// command runs a command of the system and shows what it said where it fails.
func command(ctx context.Context, stdin string, args ...string) error {
	c := exec.CommandContext(ctx, args[0], args[1:]...)
	c.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	c.Stdin = strings.NewReader(stdin)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}
