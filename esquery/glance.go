package esquery

import (
	"context"
	"net/http"
	"net/url"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/postweave/postweave/mappings"
)

// glance looks at target, state and long logs at once. ok tells that all is as a
// run needs it, which is so nearly always; where it is not, [Client.inspect] looks at each and
// says what is wrong. An index that the user may not look at is left out of the answer, so that is not told here.
func (c *Client) glance(ctx context.Context, target, state string) (ok bool, err error) {
	const op = "look at the target and the state"
	yes := true
	log := mappings.LogIndex(target)
	res, err := c.ask(ctx, op, esapi.IndicesGetRequest{
		Index: []string{url.PathEscape(target), url.PathEscape(state), url.PathEscape(log)}, Features: "aliases,mappings", IgnoreUnavailable: &yes,
	}, http.StatusNotFound, http.StatusForbidden)
	if err != nil || res.Status != http.StatusOK {
		return false, err
	}
	var all map[string]indexState
	if err := decode(op, res, &all); err != nil {
		return false, err
	}
	var found inspection
	for into, name := range map[*map[string]indexState]string{&found.target: target, &found.state: state, &found.log: log} {
		*into = make(map[string]indexState)
		for index, x := range all {
			if _, alias := x.Aliases[name]; alias || index == name {
				(*into)[index] = x
			}
		}
	}
	for name, x := range all {
		_, ofState := found.state[name] // which no schema has changed: see Client.CheckTarget
		if !x.ours() || x.schema() > mappings.Schema || x.schema() < mappings.Schema && !ofState {
			return false, nil
		}
	}
	ok = len(found.target)+len(found.state)+len(found.log) == len(all) && len(found.target) > 0 && len(found.state) == 1 && len(found.log) == 1 &&
		checkAlias(target, found.target) == nil
	if ok {
		c.aliases.learn(target, found.target)
	}
	return ok, nil
}
