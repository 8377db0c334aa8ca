package esquery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/postweave/postweave/mappings"
)

// target looks at what setup installs.
func (x *examination) target(ctx context.Context) error {
	o := &x.source.options
	err := x.client.CheckTarget(ctx, o.Target, o.State)
	var e *Error
	switch {
	case err == nil:
	case errors.As(err, &e) && e.Class == ClassSchema:
		x.find("target-newer", e.Index, "%s", e.Error())
		return nil
	case errors.As(err, &e) && e.Class == ClassSetup && e.Hint == hintSetup:
		x.find("not-set-up", e.Index, "%s", e.Error())
		return nil
	case errors.As(err, &e) && e.Class == ClassSetup:
		x.find("target-unusable", e.Index, "%s", e.Error())
		return nil
	default:
		return x.failed(ctx, "target-unusable", err)
	}
	x.fine("target", o.Target, "is set up, schema %d", mappings.Schema)
	if err := x.inner(ctx); err != nil {
		return err
	}
	return x.nextIndex(ctx)
}

// inner looks at the blocks and the fields of the target's indices.
func (x *examination) inner(ctx context.Context) error {
	const op = "look at the target's mapping"
	o := &x.source.options
	res, err := x.client.Do(ctx, Request{
		Op: op, Method: http.MethodGet, Path: "/" + indexPath([]string{o.Target, mappings.LogIndex(o.Target), o.State}),
		Query: url.Values{"features": {"mappings,settings,aliases"}, "filter_path": {"*.aliases,*.mappings.properties,*.settings.index.blocks"}},
	})
	if err != nil {
		return x.failed(ctx, "target-unusable", err)
	}
	var found map[string]struct {
		Aliases  map[string]json.RawMessage `json:"aliases"`
		Mappings struct {
			Properties json.RawMessage `json:"properties"`
		} `json:"mappings"`
		Settings struct {
			Index struct {
				Blocks map[string]string `json:"blocks"`
			} `json:"index"`
		} `json:"settings"`
	}
	if err := decode(op, res, &found); err != nil {
		return x.failed(ctx, "target-unusable", err)
	}
	wanted, err := wantedFields(o.Target)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		var blocks []string
		for block, on := range found[name].Settings.Index.Blocks {
			if on == "true" {
				blocks = append(blocks, "index.blocks."+block)
			}
		}
		if len(blocks) > 0 {
			slices.Sort(blocks)
			kind := "target-blocked"
			if w := x.client.aliases.of(o.Target).write; found[name].Aliases[o.Target] != nil && name != w { // rolled over, and taken out of writing
				kind = "target-old-blocked"
			}
			x.find(kind, name, "%s is set", strings.Join(blocks, ", "))
		}
		if name == o.State { // nothing of it is found by its fields
			continue
		}
		want := wanted[mappings.LogIndex(o.Target)]
		if found[name].Aliases[o.Target] != nil {
			want = wanted[o.Target]
		}
		if odd := differences(want, fieldTypes(found[name].Mappings.Properties)); len(odd) > 0 {
			x.find("target-mapping", name, "%s of another type than setup gives: %s", counted(len(odd), "field is", "fields are"), strings.Join(firstOf(odd), "; "))
		}
	}
	return nil
}

// wantedFields returns the types of the fields that setup gives, by the name of the index or alias.
func wantedFields(target string) (map[string]map[string]string, error) {
	template, err := mappings.Template(target)
	if err != nil {
		return nil, err
	}
	ofMessages, err := mappingOf(template)
	if err != nil {
		return nil, setupError(target, err, "")
	}
	var messages struct {
		Properties json.RawMessage `json:"properties"`
	}
	var logs struct {
		Mappings struct {
			Properties json.RawMessage `json:"properties"`
		} `json:"mappings"`
	}
	if err := errors.Join(json.Unmarshal(ofMessages, &messages), json.Unmarshal(mappings.Log(), &logs)); err != nil {
		return nil, setupError(target, err, "")
	}
	return map[string]map[string]string{
		target:                    fieldTypes(messages.Properties),
		mappings.LogIndex(target): fieldTypes(logs.Mappings.Properties),
	}, nil
}

// fieldTypes flattens a mapping's properties: "recipients.to" is "keyword".
func fieldTypes(properties json.RawMessage) map[string]string {
	out := make(map[string]string)
	var walk func(prefix string, raw json.RawMessage)
	walk = func(prefix string, raw json.RawMessage) {
		var level map[string]struct {
			Type       string          `json:"type"`
			Properties json.RawMessage `json:"properties"`
		}
		if json.Unmarshal(raw, &level) != nil {
			return
		}
		for name, f := range level {
			if f.Type == "" {
				f.Type = "object"
			}
			out[prefix+name] = f.Type
			if len(f.Properties) > 0 {
				walk(prefix+name+".", f.Properties)
			}
		}
	}
	walk("", properties)
	return out
}

// differences lists the fields of want that are missing or of another type.
func differences(want, have map[string]string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch {
		case have[name] == "":
			out = append(out, fmt.Sprintf("%s is missing, and should be %s", name, want[name]))
		case have[name] != want[name]:
			out = append(out, fmt.Sprintf("%s is %s, and should be %s", name, oneLine(have[name]), want[name]))
		}
	}
	return out
}

// nextIndex lets Elasticsearch work out what the next index behind the alias would get.
func (x *examination) nextIndex(ctx context.Context) error {
	err := x.client.simulate(ctx, x.source.options.Target, nil)
	var e *Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && e.Status == http.StatusForbidden:
		x.find("template-hidden", "", "the login may not look at index templates")
		return nil
	case errors.As(err, &e) && e.Class == ClassSetup:
		x.find("template-overshadowed", e.Index, "%s", e.Error())
		return nil
	}
	return x.failed(ctx, "target-unusable", err)
}

// behind counts what the shards have above the cursor.
func (c *cursor) behind(indices []sourceIndex) (operations int64) {
	for _, x := range indices {
		for _, shard := range x.shards {
			at := int64(-1)
			for _, s := range c.Shards {
				if s.UUID == x.uuid && s.Shard == shard.number {
					at = s.SeqNo
				}
			}
			operations += max(0, shard.checkpoint-at)
		}
	}
	return operations
}

// state looks at the cursor.
func (x *examination) state(ctx context.Context) error {
	if len(x.open) == 0 {
		return nil
	}
	var at cursor
	var by overlapCursor
	arrivals, overlap := x.source.Arrivals(), x.source.Overlap()
	found, err := arrivals.doc.load(ctx, &at)
	if err == nil && !found {
		found, err = overlap.doc.load(ctx, &by)
	}
	var e *Error
	switch {
	case errors.As(err, &e) && e.Class == ClassSetup && e.Status == http.StatusNotFound:
		return nil // not set up, which is told of already
	case errors.As(err, &e) && e.Class == ClassSetup:
		x.find("cursor-damaged", x.source.options.State, "%s", e.Error())
	case err != nil:
		return x.failed(ctx, "target-unusable", err)
	case !found:
		x.find("never-run", "", "there is no cursor of these sources and this target yet")
	default:
		waiting := ""
		if len(at.Shards) > 0 && len(x.shards) > 0 {
			waiting = fmt.Sprintf("; %d operations in the source wait for a run", at.behind(x.shards))
		}
		x.fine("state", x.source.options.State, "a cursor is there, over %s%s", counted(len(at.Shards)+len(by.Indices), "place", "places"), waiting)
	}
	return nil
}
