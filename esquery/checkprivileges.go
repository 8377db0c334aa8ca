package esquery

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/postweave/postweave/mappings"
)

// need is privileges on some names, as a run has them.
type need struct {
	Names      []string `json:"names"`
	Privileges []string `json:"privileges"`
	optional   bool
}

// needs are the privileges of the role that setup prints. On the raw lines, some
// can be done without.
func (x *examination) needs() ([]need, error) {
	o := &x.source.options
	local := slices.DeleteFunc(slices.Clone(o.Patterns), isRemote) // what may be done there, the other cluster decides
	roles, err := mappings.Roles(local, o.Target, o.State)
	if err != nil {
		return nil, setupError(o.Target, err, "")
	}
	var all []need
	for _, g := range roles[mappings.WorkerRole].Indices {
		if len(local) == 0 || g.Names[0] != local[0] {
			all = append(all, need{Names: g.Names, Privileges: g.Privileges})
			continue
		}
		less := need{Names: local, optional: true}
		for _, p := range g.Privileges {
			if p == "read" {
				all = append(all, need{Names: local, Privileges: []string{p}})
			} else {
				less.Privileges = append(less.Privileges, p)
			}
		}
		all = append(all, less)
	}
	return all, nil
}

// granted is which privileges the login has on which names.
type granted map[string]map[string]bool

// missing lists, of what a need names, the names with what they lack.
func (g granted) missing(n need) []string {
	var out []string
	for _, name := range n.Names {
		var lacks []string
		for _, p := range n.Privileges {
			if !g[name][p] {
				lacks = append(lacks, p)
			}
		}
		if len(lacks) > 0 {
			out = append(out, fmt.Sprintf("%s on %s", strings.Join(lacks, ", "), name))
		}
	}
	return out
}

// privileges asks for each privilege one by one. That needs none.
func (x *examination) privileges(ctx context.Context) error {
	if !x.secured {
		return nil
	}
	needs, err := x.needs()
	if err != nil {
		return err
	}
	have, all, err := x.ask(ctx, needs)
	if err != nil {
		return x.failed(ctx, "no-answer", err)
	}
	narrow := false
	for _, n := range needs {
		lacks := have.missing(n)
		if len(lacks) == 0 {
			x.fine("privileges", strings.Join(n.Names, ","), "has %s", strings.Join(n.Privileges, ", "))
			continue
		}
		switch there, err := x.grantedThere(ctx, n); {
		case err != nil:
			return x.failed(ctx, "no-answer", err)
		case there && narrow:
		case there:
			narrow = true
			x.find("privilege-narrow", strings.Join(n.Names, ","), "the login lacks %s, and has it on the indices that are there", strings.Join(lacks, "; "))
		case n.optional:
			x.lacking(n, have)
			x.find("privilege-optional", strings.Join(n.Names, ","), "the login lacks %s", strings.Join(lacks, "; "))
		default:
			x.find("privilege-missing", strings.Join(n.Names, ","), "the login lacks %s", strings.Join(lacks, "; "))
		}
	}
	if all {
		x.find("privilege-excess", "", "the login may do everything on the cluster")
		return nil
	}
	for _, n := range needs {
		for _, name := range n.Names {
			if have[name]["delete_index"] {
				x.find("privilege-excess", name, "the login may delete %s as a whole", name)
				return nil
			}
		}
	}
	return nil
}

// lacking keeps what the login lacks on the raw lines.
func (x *examination) lacking(n need, have granted) {
	for _, p := range append(slices.Clone(n.Privileges), "view_index_metadata") {
		if !have[n.Names[0]][p] {
			x.lacks[p] = true
		}
	}
}

// grantedThere tells whether what is not granted on a pattern is granted on all that it
// stands for now.
func (x *examination) grantedThere(ctx context.Context, n need) (bool, error) {
	const most = 100
	if !slices.ContainsFunc(n.Names, func(name string) bool { return strings.Contains(name, "*") }) {
		return false, nil
	}
	there, err := x.client.listIndices(ctx, n.Names)
	if err != nil || len(there) == 0 { // the reason is told where the source is looked at
		return false, ctx.Err()
	}
	newest := need{Names: names(there[max(0, len(there)-most):]), Privileges: n.Privileges}
	have, _, err := x.ask(ctx, []need{newest})
	return err == nil && len(have.missing(newest)) == 0, err
}

// ask returns which of the privileges the login has, and whether it may do everything.
func (x *examination) ask(ctx context.Context, needs []need) (have granted, all bool, err error) {
	asked := slices.Clone(needs)
	for i := range asked {
		asked[i].Privileges = append(slices.Clone(asked[i].Privileges), "delete_index", "view_index_metadata")
	}
	const op = "ask for the login's privileges"
	res, err := x.client.Do(ctx, Request{
		Op: op, Method: http.MethodPost, Path: "/_security/user/_has_privileges", Idempotent: true,
		Body: object{"cluster": []string{"all"}, "index": asked}.json(),
	})
	if err != nil {
		return nil, false, err
	}
	var answer struct {
		Cluster map[string]bool            `json:"cluster"`
		Index   map[string]map[string]bool `json:"index"`
	}
	if err := decode(op, res, &answer); err != nil {
		return nil, false, err
	}
	have = make(granted)
	for name, grants := range answer.Index {
		have[name] = maps.Clone(grants)
	}
	return have, answer.Cluster["all"], nil
}
