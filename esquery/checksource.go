package esquery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
)

// listedAtMost bounds the findings of one kind; a mistake in a template is one of every day.
const listedAtMost = 20

// indices finds what the patterns stand for, and whether all of it can be read.
func (x *examination) indices(ctx context.Context) error {
	var all []sourceIndex
	var empty []string
	for _, pattern := range x.Source.Patterns {
		found, err := x.client.listIndices(ctx, []string{pattern})
		var e *Error
		switch {
		case errors.Is(err, errNoIndex), err == nil && len(found) == 0:
			empty = append(empty, pattern)
		case errors.As(err, &e) && e.Class == ClassSetup:
			x.find("source-unusable", pattern, "%s", e.Error())
			return nil
		case err != nil:
			return x.failed(ctx, "source-unreadable", err)
		}
		all = append(all, found...)
	}
	sortIndices(all)
	all = slices.CompactFunc(all, func(a, b sourceIndex) bool { return a.name == b.name })
	if len(all) == 0 && x.lacks["monitor"] && x.lacks["view_index_metadata"] {
		x.find("privilege-missing", strings.Join(x.Source.Patterns, ","), "the login has neither monitor nor view_index_metadata there, so that no index is seen")
		return nil
	}
	if len(all) == 0 {
		x.find("source-missing", strings.Join(x.Source.Patterns, ","), "no index matches %s", strings.Join(x.Source.Patterns, ","))
		return nil
	}
	for _, pattern := range empty {
		x.find("pattern-empty", pattern, "no index matches %s", pattern)
	}
	var closed []sourceIndex
	for _, i := range all {
		if i.closed {
			closed = append(closed, i)
		} else {
			x.open = append(x.open, i)
		}
	}
	var err error
	if len(x.open) > 0 {
		if x.tides, err = x.client.survey(ctx, x.Source.Patterns, names(x.open)); err == nil {
			x.newest, err = x.source.newest(ctx, x.open)
		}
	}
	if err != nil {
		x.open = nil
		return x.failed(ctx, "source-unreadable", err)
	}
	var old []string
	for _, i := range closed {
		if x.newest.IsZero() || i.created.IsZero() || !x.beyondHorizon(i.created) {
			x.find("index-closed", i.name, "the index is closed")
		} else {
			old = append(old, i.name)
		}
	}
	if len(old) > 0 {
		x.find("index-closed-old", andMore(old), "closed and older than the horizon: %s", counted(len(old), "index", "indices"))
	}
	if len(x.open) == 0 {
		return nil
	}
	lines := int64(0)
	for _, t := range x.tides {
		lines += t.Docs
	}
	stamped := ""
	if !x.newest.IsZero() {
		stamped = ", the newest of " + x.newest.Format(time.RFC3339)
	}
	x.fine("source", strings.Join(x.Source.Patterns, ","), "%s with %d documents%s", counted(len(x.open), "index", "indices"), lines, stamped)
	return x.arrival(ctx)
}

// beyondHorizon tells what a first run leaves out.
func (x *examination) beyondHorizon(t time.Time) bool {
	return t.Before(x.newest.Add(-x.source.options.Horizon))
}

// arrival finds out whether the order of arrival can be followed, as a run does.
func (x *examination) arrival(ctx context.Context) error {
	if x.overlap = remoteReason(x.Source.Patterns); x.overlap != "" {
		return nil
	}
	var err error
	x.shards, err = x.client.sourceIndices(ctx, x.Source.Patterns)
	if err == nil && x.lacks["maintenance"] {
		x.overlap = reasonMaintenance
	}
	if reason := lackReason(err); reason != "" {
		x.overlap = reason
		return nil
	}
	var e *Error
	if errors.As(err, &e) && e.Class == ClassSetup { // told of already: nothing but closed indices, or none
		return nil
	}
	if err != nil {
		return x.failed(ctx, "source-unreadable", err)
	}
	return nil
}

// layouts finds out how each index is read.
func (x *examination) layouts(ctx context.Context) error {
	filled := make([]string, 0, len(x.open))
	for _, i := range x.open {
		if x.tides[i.name].Docs > 0 { // one without documents may have no fields yet
			filled = append(filled, i.name)
		}
	}
	if len(filled) == 0 {
		if len(x.open) > 0 {
			x.find("no-postfix-lines", "", "no index holds a document")
		}
		return nil
	}
	caps := make(map[string]map[string]capability)
	for some := range inPaths(filled) {
		of, err := x.client.fieldCaps(ctx, some, x.source.tried)
		if err != nil {
			return x.failed(ctx, "source-unreadable", err)
		}
		maps.Copy(caps, of)
	}
	x.fields = make(map[string]*fields)
	var unknown, old []string
	for _, name := range filled {
		for i := range x.source.tried {
			if f := fit(&x.source.tried[i], caps[name]); f != nil {
				x.fields[name] = f
				break
			}
		}
		if x.fields[name] != nil {
			continue
		}
		if newest, err := x.source.newest(ctx, []sourceIndex{{name: name}}); err == nil && !newest.IsZero() && x.beyondHorizon(newest) {
			old = append(old, name)
			continue
		}
		if unknown = append(unknown, name); len(unknown) <= listedAtMost {
			x.find("fields-unknown", name, "no field profile fits: %s", lacking(x.source.tried, caps[name]))
		}
	}
	if more := len(unknown) - listedAtMost; more > 0 {
		x.find("fields-unknown", unknown[len(unknown)-1], "the same of %s more", counted(more, "index", "indices"))
	}
	if len(old) > 0 {
		x.find("fields-unknown-old", andMore(old), "no field profile fits, and all lines are older than the horizon: %s", counted(len(old), "index", "indices"))
	}
	if err := x.kept(ctx); err != nil {
		return err
	}
	x.tellLayouts()
	return nil
}

// lacking says what is missing of the layout that comes closest.
func lacking(tried []layout, caps map[string]capability) string {
	best := ""
	fewest := 5
	for _, l := range tried {
		var missing []string
		for _, part := range []struct {
			name string
			of   []string
		}{{"time", l.Time}, {"host", l.Host}, {"program", l.Program}, {"text", append(slices.Clone(l.Text), l.whole...)}} {
			has := slices.ContainsFunc(part.of, func(n string) bool {
				c, ok := caps[n]
				return ok && (part.name != "time" || c.date)
			})
			if has {
				continue
			}
			what := "no field"
			if part.name == "time" {
				what = "no date field"
			}
			missing = append(missing, fmt.Sprintf("%s for the %s (%s)", what, part.name, strings.Join(part.of, ", ")))
		}
		if len(missing) < fewest {
			best, fewest = fmt.Sprintf("profile %s has %s", l.Name, strings.Join(missing, ", ")), len(missing)
		}
	}
	return best
}

// kept looks whether the indices keep the documents whole, and give them out in
// pages of the usual size.
func (x *examination) kept(ctx context.Context) error {
	for some := range inPaths(slices.Sorted(maps.Keys(x.fields))) {
		some = slices.DeleteFunc(some, isRemote) // their settings are not told
		if len(some) == 0 {
			continue
		}
		if err := x.windows(ctx, some); err != nil {
			return x.failed(ctx, "source-unreadable", err)
		}
		if err := x.keeping(ctx, some); err != nil {
			return x.failed(ctx, "source-unreadable", err)
		}
	}
	return nil
}

// windows looks at the sizes of pages.
func (x *examination) windows(ctx context.Context, indices []string) error {
	const op = "look at the source's settings"
	res, err := x.client.Do(ctx, Request{
		Op: op, Method: http.MethodGet, Path: "/" + indexPath(indices) + "/_settings", Source: true,
		Query: url.Values{"filter_path": {"*.settings.index.max_result_window"}},
	})
	if err != nil {
		return err
	}
	var answer map[string]struct {
		Settings struct {
			Index struct {
				Window string `json:"max_result_window"`
			} `json:"index"`
		} `json:"settings"`
	}
	if err := decode(op, res, &answer); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(answer)) {
		window := 0
		if _, err := fmt.Sscan(answer[name].Settings.Index.Window, &window); err == nil && window < pageLines {
			x.find("page-too-small", name, "index.max_result_window is %d, and pages of %d lines are asked for", window, pageLines)
			delete(x.fields, name)
		}
	}
	return nil
}

// keeping looks at what the mappings leave out of _source. A run does not need to see mappings; a login
// that may not is shown by the sample what there is to show.
func (x *examination) keeping(ctx context.Context, indices []string) error {
	const op = "look at the source's mappings"
	res, err := x.client.Do(ctx, Request{
		Op: op, Method: http.MethodGet, Path: "/" + indexPath(indices) + "/_mapping", Source: true,
		Query: url.Values{"filter_path": {"*.mappings._source"}}, OK: []int{http.StatusForbidden},
	})
	if err != nil || res.Status == http.StatusForbidden {
		return err
	}
	var answer map[string]struct {
		Mappings struct {
			Source struct {
				Includes []string `json:"includes"`
				Excludes []string `json:"excludes"`
			} `json:"_source"`
		} `json:"mappings"`
	}
	if err := decode(op, res, &answer); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(answer)) {
		source := answer[name].Mappings.Source
		if f := x.fields[name]; f != nil {
			if part := leftOut(f, source.Includes, source.Excludes); part != "" {
				x.find("part-not-kept", name, "the mapping keeps %s out of _source", part)
				delete(x.fields, name)
			}
		}
	}
	return nil
}

// leftOut names a field without which no line can be read and that _source does not hold; "" where there is none.
func leftOut(f *fields, includes, excludes []string) string {
	matches := func(patterns []string, name string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, err := path.Match(p, name)
			return err == nil && ok || strings.HasPrefix(name, p+".")
		})
	}
	for _, part := range [][]string{f.layout.Time, f.layout.Host, f.layout.Text} {
		left := slices.DeleteFunc(slices.Clone(part), func(name string) bool {
			return matches(excludes, name) || len(includes) > 0 && !matches(includes, name)
		})
		if len(left) == 0 {
			return strings.Join(part, ", ")
		}
	}
	return ""
}

// tellLayouts tells how the indices are read, those that are read alike together.
func (x *examination) tellLayouts() {
	groups := make(map[string][]string)
	var noID []string
	for _, name := range slices.Sorted(maps.Keys(x.fields)) {
		f := x.fields[name]
		l := &f.layout
		how := fmt.Sprintf("profile %s: %s", l.Name, strings.Join(slices.Concat(l.Host, l.Program, l.Text), ", "))
		groups[how] = append(groups[how], name)
		if len(f.idExists) == 0 {
			noID = append(noID, name)
		}
	}
	for _, how := range slices.Sorted(maps.Keys(groups)) {
		x.fine("fields", andMore(groups[how]), "%s", how)
	}
	if len(groups) > 1 {
		x.find("layouts-mixed", "", "the indices are read in %d ways", len(groups))
	}
	if len(noID) > 0 {
		x.find("no-queue-id-field", andMore(noID), "%s no field of queue ids", has(len(noID)))
	}
}

func has(n int) string {
	if n == 1 {
		return "the index has"
	}
	return fmt.Sprintf("%d indices have", n)
}

// guarantee tells how new lines are known.
func (x *examination) guarantee(context.Context) error {
	if len(x.open) == 0 {
		return nil
	}
	if x.overlap == "" {
		x.fine("guarantee", "", "new lines are known by the order of their arrival")
		return nil
	}
	x.find("overlap", "", "new lines are known by their ingest time, because %s", x.overlap)
	var unmarked []string
	for _, name := range slices.Sorted(maps.Keys(x.fields)) {
		if len(x.fields[name].ingest) == 0 {
			unmarked = append(unmarked, name)
		}
	}
	if len(unmarked) > 0 {
		x.find("no-ingest-time", andMore(unmarked), "%s none of %s as a date", has(len(unmarked)), strings.Join(ingestFields, ", "))
	}
	return nil
}
