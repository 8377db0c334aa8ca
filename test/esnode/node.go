package esnode

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// startLimit bounds one start after the distribution is unpacked. A start
	// takes about ten seconds; four times two of them on a busy machine still fit.
	startLimit = 3 * time.Minute
	// stopLimit is how long a node may take to close its indices before it is killed.
	stopLimit = 20 * time.Second
	pollEvery = 100 * time.Millisecond
)

// errNoReason stands for the error of a node that ended with status 0.
var errNoReason = errors.New("it gave no reason")

// Options of one node. The zero value is good.
type Options struct {
	// Log takes the node's console output and the progress of fetching it; nil discards both.
	// It is written to from other goroutines until Stop returns.
	Log io.Writer
	// Heap is the JVM's heap as -Xmx takes it, such as "512m"; empty means "1g".
	Heap string
	// Version of Elasticsearch, such as "9.2.0"; empty means what [Version] returns.
	Version string
	// Settings are further Elasticsearch settings, by their full names. They override the ones set here.
	Settings map[string]string
	// Users turns security on, with these users and no others but the test's own, who may do everything. See [Node.As].
	Users []User
	// TLS makes a node with Users speak TLS on its HTTP port, with a certificate of an authority made for it. See [Node.CA].
	TLS bool
	// Join is a node of a cluster that this one is to become a part of. That cluster's first node has the settings
	// discovery.type=multi-node and cluster.initial_master_nodes=its name; each node needs a node.name of its own.
	Join *Node
}

// Node is a running Elasticsearch node.
type Node struct {
	// URL is the node's address without a slash at the end, such as http://127.0.0.1:41231. Where security is on, it
	// holds the name and the password of the test's own user.
	URL string
	// Transport is where other nodes reach it, such as 127.0.0.1:41232: for remote clusters.
	Transport string
	// CA is the path of the certificate, in PEM, of the authority that signed the node's own; empty without TLS.
	CA string

	options    Options
	home, java string
	as         *syscall.Credential
	dir        *runFolder
	proc       *process
	output     *tail
	stop       sync.Once
	err        error
}

// Start brings up one node and returns when it answers requests. ctx bounds the
// start alone; the node then runs until Stop, or until this process ends.
//
// The first start of a version on a machine fetches about 100 MB through Maven and unpacks
// them below the temporary folder; later ones use neither network nor Maven.
// The error of a node that does not come up holds the end of its output.
func Start(ctx context.Context, o Options) (*Node, error) {
	if o.Log == nil {
		o.Log = io.Discard
	}
	release, err := releaseOf(o.Version)
	if err != nil {
		return nil, err
	}
	java, err := javaHome(ctx, release)
	if err != nil {
		return nil, err
	}
	as, err := unprivileged()
	if err != nil {
		return nil, err
	}
	store, err := openStore(as)
	if err != nil {
		return nil, err
	}
	unlock, err := store.lock(ctx)
	if err != nil {
		return nil, err
	}
	home, err := store.distribution(ctx, release, o.Log)
	if err != nil {
		unlock()
		return nil, err
	}
	dir, err := store.newRunFolder(home)
	unlock()
	if err != nil {
		return nil, err
	}

	n := &Node{options: o, home: home, java: java, as: as, dir: dir, output: &tail{to: o.Log}}
	if len(o.Users) > 0 {
		err = dir.secure(o.Users, as, 0)
	}
	if err == nil && o.TLS {
		n.CA, err = dir.encrypt(as)
	}
	if err == nil {
		n.proc, err = startProcess(n.command())
	}
	if err != nil {
		dir.remove()
		return nil, fmt.Errorf("start Elasticsearch from %s: %w", home, err)
	}
	if err := n.await(ctx); err != nil {
		return nil, errors.Join(err, n.Stop())
	}
	return n, nil
}

// command is the call of the distribution's own start script.
func (n *Node) command() *exec.Cmd {
	o := &n.options
	heap := o.Heap
	if heap == "" {
		heap = "1g"
	}
	settings := map[string]string{
		"cluster.name":           "postweave-test",
		"node.name":              "postweave-test",
		"discovery.type":         "single-node",
		"xpack.security.enabled": "false",
		// Port 0 with the ports file: nothing can take the port between choosing and binding it.
		"network.host":   "127.0.0.1",
		"http.port":      "0",
		"transport.port": "0",
		"node.portsfile": "true",
		"path.data":      n.dir.path("data"),
		"path.logs":      n.dir.path("logs"),
		// A laptop's disk that is 95 % full must not turn the indices read-only.
		"cluster.routing.allocation.disk.threshold_enabled": "false",
		// Tests make daily indices freely; the default of 1,000 shards is a production guard.
		"cluster.max_shards_per_node": "10000",
	}
	if len(o.Users) > 0 {
		maps.Copy(settings, secured)
	}
	if o.TLS {
		maps.Copy(settings, encrypted)
	}
	if o.Join != nil {
		settings["discovery.type"], settings["discovery.seed_hosts"] = "multi-node", o.Join.Transport
	}
	if n.URL != "" { // it is back, and where it was
		settings["http.port"], settings["transport.port"] = portOf(n.URL), portOf(n.Transport)
	}
	maps.Copy(settings, o.Settings)
	var args []string
	for name, value := range settings {
		args = append(args, "-E"+name+"="+value)
	}
	slices.Sort(args)

	// Not CommandContext: the node outlives ctx, and is stopped by its group, not by one pid.
	cmd := exec.Command(filepath.Join(n.home, "bin", "elasticsearch"), args...) //nolint:noctx // see above
	cmd.Dir = n.dir.root
	// Nothing is inherited but the path: JAVA_TOOL_OPTIONS and the like change the JVM,
	// and what a developer keeps in the environment is none of the node's business.
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + n.dir.root,
		"LANG=C.UTF-8",
		"ES_JAVA_HOME=" + n.java,
		"ES_JAVA_OPTS=-Xms" + heap + " -Xmx" + heap,
		"ES_PATH_CONF=" + n.dir.path("config"),
		"ES_TMPDIR=" + n.dir.path("tmp"),
	}
	cmd.Stdout, cmd.Stderr = n.output, n.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: n.as}
	return cmd
}

// await returns when the node has written down its port and its cluster is ready for writes.
func (n *Node) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-n.proc.ended:
			return fmt.Errorf("Elasticsearch ended while starting: %w; its last output:\n%s", cmp.Or(n.proc.err, errNoReason), n.output) //nolint:staticcheck // a proper name
		case <-ctx.Done():
			return fmt.Errorf("Elasticsearch did not come up: %w; its last output:\n%s", ctx.Err(), n.output) //nolint:staticcheck // a proper name
		case <-tick.C:
		}
		if n.URL == "" {
			if n.Transport = n.announced("transport"); n.Transport != "" {
				n.URL = n.announced("http")
			}
			if n.URL != "" {
				if n.CA == "" {
					n.URL = "http://" + n.URL
				} else if err := trust(n.URL, n.CA); err != nil {
					return err
				} else {
					n.URL = "https://" + n.URL
				}
				if len(n.options.Users) > 0 {
					n.URL = n.As(self)
				}
			}
		}
		if n.URL != "" && healthy(ctx, n.URL) {
			return nil
		}
	}
}

// announced reads an address from a ports file, which the node renames into place once it listens.
func (n *Node) announced(kind string) string {
	b, err := os.ReadFile(n.dir.path("logs", kind+".ports"))
	if err != nil {
		return ""
	}
	address, _, _ := strings.Cut(string(b), "\n")
	return address
}

func portOf(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }

func healthy(ctx context.Context, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/_cluster/health?wait_for_status=yellow&timeout=5s", nil)
	if err != nil {
		return false
	}
	res, err := clientOf(req.URL.Host).Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err == nil && res.StatusCode == http.StatusOK
}

// Stop ends the node and removes its files. It returns when no process of the
// node is left. It may be called more than once.
func (n *Node) Stop() error {
	n.stop.Do(func() {
		n.err = n.proc.stop(stopLimit)
		n.dir.remove()
	})
	return n.err
}

// Kill ends the node as a crash would, without a chance to write anything. Its
// files stay for Restart.
func (n *Node) Kill() error { return n.proc.kill(stopLimit) }

// Restart brings a killed node back, with its data and at its addresses, and
// returns when it answers requests.
func (n *Node) Restart(ctx context.Context) error {
	var err error
	if n.proc, err = startProcess(n.command()); err != nil {
		return fmt.Errorf("start Elasticsearch from %s again: %w", n.home, err)
	}
	return n.await(ctx)
}
