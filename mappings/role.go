package mappings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// The names that the three roles are given where they are listed together.
const (
	WorkerRole = "postweave-worker" // run, daemon, backfill, verify, rebuild, trace
	SetupRole  = "postweave-setup"  // setup, and nothing else
	ReaderRole = "postweave-reader" // trace, and who looks at the messages by other means
)

// Role is what a user may do, as Elasticsearch takes it: the body of
// PUT _security/role/NAME, and one of the role_descriptors of an API key.
type Role struct {
	Cluster []string      `json:"cluster"`
	Indices []Grant       `json:"indices"`
	Remote  []RemoteGrant `json:"remote_indices,omitempty"`
}

// Grant is privileges on indices of this cluster.
type Grant struct {
	Names      []string `json:"names"` // names or patterns
	Privileges []string `json:"privileges"`
}

// RemoteGrant is privileges on indices of other clusters, where those are joined by
// API keys. Where they trust each other's certificates, each has a role of this name with a Grant.
type RemoteGrant struct {
	Clusters   []string `json:"clusters"` // by the names that they have here
	Names      []string `json:"names"`
	Privileges []string `json:"privileges"`
}

// Roles returns the three roles by their names, each with what is needed and no more.
// source holds index patterns, those of other clusters as "cluster:pattern"; target
// is the alias, state the index of the cursors. That each privilege is needed is shown by test/security.
func Roles(source []string, target, state string) (map[string]Role, error) {
	for _, name := range []string{target, state} {
		if err := ValidName(name); err != nil {
			return nil, err
		}
	}
	local, remote := apart(source)
	log := LogIndex(target)
	worker := Role{Cluster: []string{}, Remote: remote}
	if len(local) > 0 {
		worker.Indices = append(worker.Indices, Grant{local, []string{"read", "monitor", "maintenance"}})
	}
	// The target is named by its alias and never by the indices behind it.
	worker.Indices = append(worker.Indices,
		Grant{[]string{target}, []string{"read", "index", "delete", "maintenance", "view_index_metadata"}},
		Grant{[]string{log}, []string{"read", "index", "maintenance", "view_index_metadata"}},
		Grant{[]string{state}, []string{"read", "index", "delete", "view_index_metadata"}},
	)
	setup := Role{Cluster: []string{"manage_index_templates"}, Indices: []Grant{
		// Nothing less than manage lets an index have an alias, or brings a mapping up.
		{[]string{target, FirstIndex(target), log}, []string{"manage"}},
		{[]string{state}, []string{"create_index", "view_index_metadata"}},
	}}
	reader := Role{Cluster: []string{}, Indices: []Grant{{[]string{target, log}, []string{"read"}}}}
	return map[string]Role{WorkerRole: worker, SetupRole: setup, ReaderRole: reader}, nil
}

// apart sorts patterns by where their indices are.
func apart(source []string) (local []string, remote []RemoteGrant) {
	for _, pattern := range source {
		cluster, name, ok := strings.Cut(pattern, ":")
		if !ok {
			local = append(local, pattern)
			continue
		}
		remote = append(remote, RemoteGrant{[]string{cluster}, []string{name}, []string{"read", "read_cross_cluster"}})
	}
	return local, remote
}

// PrintRole returns one of the roles, by its name, as JSON without a line end;
// all of them, by their names, where name is empty.
func PrintRole(name string, source []string, target, state string) ([]byte, error) {
	roles, err := Roles(source, target, state)
	if err != nil {
		return nil, err
	}
	var what any = roles
	if name != "" {
		role, ok := roles[name]
		if !ok {
			return nil, fmt.Errorf("there is no role %q", name)
		}
		what = role
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(what); err != nil {
		return nil, fmt.Errorf("print the role: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}
