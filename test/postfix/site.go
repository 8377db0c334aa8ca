package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// Ports are the services of the site, all on 127.0.0.1.
type Ports struct {
	// of postfix-mx
	MX, Strict, Alone, Verify, Milter, Filtered, Proxied, Reentry, Screen, Deny, QMQP int
	// of postfix-out
	Out int
	// of the world around
	Sink, Secure, LMTP, Mute, Busy, Closed, SASL, MilterFilter int
}

// lifetime is how long mail stays in a queue. "late" in sink.go must fit in it.
const lifetime = 9 * time.Second

// Site is the two instances and the world around them.
type Site struct {
	Ports

	ctx     context.Context
	dir     string
	journal *Journal
	mx, out *Instance
	numbers atomic.Int64
	close   []func() error // in reverse
}

// values is what the configuration files are filled with.
type values struct {
	Ports

	Name, Dir, Base, Log, Certificate, Lifetime string
	Nobody, NoGroup                             string
}

// open starts everything. The site must be shut in any case.
func open(ctx context.Context, dir string) (*Site, error) {
	s := &Site{ctx: ctx, dir: dir, journal: &Journal{Year: time.Now().UTC().Year()}}
	cert, err := certificate(filepath.Join(dir, "certificate.pem"))
	if err != nil {
		return s, err
	}
	if err := s.world(cert); err != nil {
		return s, err
	}
	if err := s.reserve(&s.MX, &s.Strict, &s.Alone, &s.Verify, &s.Milter, &s.Filtered, &s.Proxied, &s.Reentry, &s.Screen, &s.Deny, &s.QMQP, &s.Out, &s.Closed); err != nil {
		return s, err
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return s, err
	}
	for _, instance := range []**Instance{&s.out, &s.mx} {
		name := "postfix-mx"
		if instance == &s.out {
			name = "postfix-out"
		}
		v := values{
			Ports: s.Ports, Name: name, Dir: filepath.Join(dir, name), Base: dir, Log: s.log(name),
			Certificate: filepath.Join(dir, "certificate.pem"), Lifetime: fmt.Sprintf("%.0fs", lifetime.Seconds()),
			Nobody: nobody.Uid, NoGroup: nobody.Gid,
		}
		i, err := start(ctx, name, dir, v.Log, v)
		if i != nil {
			*instance = i
			s.close = append(s.close, i.stop)
		}
		if err != nil {
			return s, err
		}
	}
	// A .forward belongs to its user or to root.
	if err := os.WriteFile(filepath.Join(s.mx.root, "forward", "nobody"), []byte("forward.of.nobody@example.org\n"), 0o644); err != nil {
		return s, err
	}
	return s, s.wait("both instances to listen", func() (bool, error) {
		for _, port := range []int{s.MX, s.Out} {
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)) //nolint:noctx // loopback
			if err != nil {
				return false, nil // not yet
			}
			_ = c.Close()
		}
		return true, nil
	})
}

// log is where an instance writes.
func (s *Site) log(name string) string { return filepath.Join(s.dir, name+".log") }

// shut ends what was started, the last first.
func (s *Site) shut() error {
	var errs []error
	for i := len(s.close) - 1; i >= 0; i-- {
		errs = append(errs, s.close[i]())
	}
	s.close = nil
	return errors.Join(errs...)
}

// world starts the servers that Postfix talks to.
func (s *Site) world(cert tls.Certificate) error {
	plain := Sink{journal: s.journal, memory: &memory{}}
	secure, lmtp := plain, plain
	secure.tls = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	lmtp.lmtp = true
	busy := func(c net.Conn) { fmt.Fprint(c, "421 4.3.2 busy.example has no time\r\n") } // nothing else is said
	mute := func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) }
	for _, service := range []struct {
		port  *int
		serve func(net.Listener)
	}{
		{&s.Sink, plain.serve},
		{&s.Secure, secure.serve},
		{&s.LMTP, lmtp.serve},
		{&s.Busy, func(l net.Listener) { accept(l, busy) }},
		{&s.Mute, func(l net.Listener) { accept(l, mute) }},
		{&s.SASL, func(l net.Listener) { accept(l, authenticate) }},
		{&s.MilterFilter, func(l net.Listener) { accept(l, filterMail) }},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
		if err != nil {
			return err
		}
		*service.port = l.Addr().(*net.TCPAddr).Port
		s.close = append(s.close, l.Close)
		go service.serve(l)
	}
	return nil
}

// reserve finds free ports for servers that open them themselves, all at once so that
// none comes twice.
func (s *Site) reserve(ports ...*int) error {
	for _, p := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback
		if err != nil {
			return err
		}
		defer l.Close() // given back
		*p = l.Addr().(*net.TCPAddr).Port
	}
	return nil
}

// wait looks until it is so.
func (s *Site) wait(what string, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(s.ctx, 60*time.Second)
	defer cancel()
	for {
		if ok, err := so(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for %s: %w", what, context.Cause(ctx))
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// waitQueue waits until a message of postfix-mx lies in one of its queues:
// "hold", "deferred".
func (s *Site) waitQueue(id, queue string) error {
	return s.wait(queue+" mail", func() (bool, error) {
		out, err := s.mx.output(s.ctx, "", "postqueue", "-c", s.mx.dir, "-j")
		for line := range strings.Lines(out) {
			if strings.Contains(line, `"queue_id": "`+id+`"`) && strings.Contains(line, `"queue_name": "`+queue+`"`) {
				return true, err
			}
		}
		return false, err
	})
}

// drained waits until nothing but held mail is in the queues.
func (s *Site) drained() error {
	return s.wait("empty queues", func() (bool, error) {
		for _, i := range []*Instance{s.mx, s.out} {
			if n, err := i.queued(s.ctx); n > 0 || err != nil {
				return false, err
			}
		}
		return true, nil
	})
}

// note makes the journal's entry of a message.
func (s *Site) note(situation string, m Mail) *Sent {
	e := &Sent{Situation: situation, From: m.From, Subject: m.Subject}
	if !m.NoID {
		e.MessageID = fmt.Sprintf("%s.%d@client.example", strings.ReplaceAll(situation, " ", "-"), s.numbers.Add(1))
	}
	return e
}

// smtp sends one message in a session of its own.
func (s *Site) smtp(port int, situation string, m Mail) (*Sent, error) {
	v, err := s.connect(port, "client.example")
	if err != nil {
		return nil, err
	}
	sent, err := v.send(situation, m)
	return sent, errors.Join(err, v.quit())
}

// sendmail submits one message with the sendmail command of postfix-mx.
func (s *Site) sendmail(situation string, m Mail, options ...string) (*Sent, error) {
	sent := s.note(situation, m)
	sent.To = m.To
	args := append([]string{"sendmail", "-C", s.mx.dir, "-i", "-f", m.From}, options...)
	args = append(append(args, "--"), m.To...)
	_, err := s.mx.output(s.ctx, strings.ReplaceAll(written(sent, m), "\r\n", "\n"), args...)
	s.journal.sent(*sent)
	return sent, err
}

// want notes what a message's document on an instance has beyond the journals.
func (s *Site) want(m *Sent, instance, path string, values ...string) {
	w := Want{Situation: m.Situation, MessageID: m.MessageID, Instance: instance, Path: path, Values: values}
	if instance == "postfix-mx" {
		w.QueueID = m.QueueID
	}
	s.journal.want(w)
}
