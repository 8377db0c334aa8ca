package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"go.uber.org/zap"
)

// refuseFiltered refuses a source that shows only some of an index's lines: one that is reached by aliases that all have a
// filter or a routing. Lines are read by the index's own name, since checkpoints and fields are those of an index, and
// there the filter does not hold; to read what it hides may be to read another customer's mail. To add the filter to
// each search is no way out: an alias's filter may use what the user of postweave may not.
//
// It asks only where an index was found by another name than its own. The backing indices of a data stream always are.
func (c *Client) refuseFiltered(ctx context.Context, patterns []string, found map[string]indexSettings) error {
	veiled := false
	for name := range found {
		veiled = veiled || !standsFor(patterns, name)
	}
	if !veiled {
		return nil
	}
	const op = "look for filters of the source's aliases"
	res, err := c.Do(ctx, Request{
		Op: op, Method: http.MethodGet, Path: "/_alias/" + indexPath(patterns), Query: url.Values{"expand_wildcards": {"all"}},
		OK: []int{http.StatusNotFound, http.StatusForbidden}, Source: true,
	})
	if err != nil {
		return err
	}
	if res.Status == http.StatusForbidden {
		// Who may read the indices by their own names is kept from nothing by an alias of them.
		c.log.Debug("the source's aliases cannot be looked at", zap.Strings("source", patterns))
		return nil
	}
	var answer map[string]json.RawMessage
	if err := decode(op, res, &answer); err != nil {
		return err
	}
	for behind, raw := range answer { // an index or a data stream
		var x struct {
			Aliases map[string]struct {
				Filter  json.RawMessage `json:"filter"`
				Routing string          `json:"search_routing"`
			} `json:"aliases"`
		}
		// With status 404 the answer also says, not as an object, which names are no aliases.
		if standsFor(patterns, behind) || json.Unmarshal(raw, &x) != nil {
			continue
		}
		hidden := ""
		for alias, a := range x.Aliases {
			if len(a.Filter) == 0 && a.Routing == "" {
				hidden = ""
				break
			}
			hidden = max(hidden, alias)
		}
		if hidden != "" {
			return &Error{
				Class: ClassSetup, Op: op, Index: behind, Err: errors.New("the alias " + oneLine(hidden) + " has a filter or a routing, which would not hold: lines are read by the index's own name"),
				Hint: "name the indices in POSTWEAVE_SOURCE if all of their lines may be read, or an alias without a filter",
			}
		}
	}
	return nil
}

// standsFor tells whether one of the patterns stands for this very name.
func standsFor(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		matched, err := path.Match(p, name)
		return err == nil && matched && !strings.HasPrefix(p, "-")
	})
}
