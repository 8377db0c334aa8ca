package esquery

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// clocksApart is how far this machine's clock may be from the cluster's.
	clocksApart = time.Minute
	// linesAge is how long no line may have come before that is worth a word. Few servers send no mail for a day.
	linesAge = 24 * time.Hour
	// stampsAhead is how far a server's stamps may be before the cluster's clock.
	stampsAhead = 5 * time.Minute
)

// clock compares this machine's clock with the cluster's. Elasticsearch sends no Date, and to ask a
// node for its time takes a privilege; but a range of dates from "now" is told with what now is.
func (x *examination) clock(ctx context.Context) error {
	var in []string
	for _, i := range x.open {
		if f := x.fields[i.name]; f != nil && f.time == "@timestamp" && !isRemote(i.name) { // a remote cluster has its own clock
			in = append(in, i.name)
		}
	}
	if len(in) == 0 {
		return nil
	}
	before := time.Now()
	a, err := x.client.search(ctx, Request{
		Op: "ask for the time", Method: http.MethodPost, Path: "/" + url.PathEscape(in[len(in)-1]) + "/_search", Idempotent: true, Source: true,
		Body: object{"size": 0, "track_total_hits": false, "aggs": object{"now": object{
			"date_range": object{"field": "@timestamp", "ranges": []object{{"from": "now"}}},
		}}}.json(),
	})
	if err != nil {
		return x.failed(ctx, "source-unreadable", err)
	}
	asked := before.Add(time.Since(before) / 2)
	var found struct {
		Now struct {
			Buckets []struct {
				From float64 `json:"from"`
			} `json:"buckets"`
		} `json:"now"`
	}
	if json.Unmarshal(a.Aggregations, &found) != nil || len(found.Now.Buckets) == 0 {
		return nil
	}
	x.clusters = time.UnixMilli(int64(found.Now.Buckets[0].From)).UTC()
	apart := asked.Sub(x.clusters).Round(time.Second)
	switch {
	case apart > clocksApart:
		x.find("clock-differs", "", "this machine's clock is %s ahead of Elasticsearch's", apart)
	case apart < -clocksApart:
		x.find("clock-differs", "", "this machine's clock is %s behind Elasticsearch's", -apart)
	default:
		x.fine("clock", "", "this machine and Elasticsearch agree within %s", max(apart.Abs(), time.Second))
	}
	if !x.newest.IsZero() && x.clusters.Sub(x.newest) > linesAge {
		x.find("no-new-lines", "", "the newest document is stamped %s", x.newest.Format(time.RFC3339))
	}
	return nil
}

// clocksOfServers judges the stamps of each server's lines: beside the time at which they came in, where that is known,
// and beside the cluster's clock.
func (x *examination) clocksOfServers(s *sample) {
	var ahead, shifted []string
	by := time.Duration(0)
	for _, host := range s.servers() {
		h := s.hosts[host]
		if off := h.zoneOff(); off != 0 {
			shifted, by = append(shifted, host), off
			continue
		}
		if !x.clusters.IsZero() && h.newest.After(x.clusters.Add(stampsAhead)) {
			ahead = append(ahead, host)
		}
	}
	if len(shifted) > 0 {
		direction := "behind"
		if by < 0 {
			direction, by = "ahead of", -by
		}
		x.find("time-zone", strings.Join(firstOf(shifted), ", "), "the lines of %s are stamped %s %s the time at which they came in", counted(len(shifted), "server", "servers"), by, direction)
	}
	if len(ahead) > 0 {
		most := time.Duration(0)
		for _, host := range ahead {
			most = max(most, s.hosts[host].newest.Sub(x.clusters))
		}
		x.find("lines-of-the-future", strings.Join(firstOf(ahead), ", "), "the newest lines of %s are up to %s ahead of Elasticsearch's clock", counted(len(ahead), "server", "servers"), most.Round(time.Minute))
	}
	if len(shifted)+len(ahead) == 0 {
		x.fine("clock", "", "no line of the sample is of the future or of another time zone")
	}
}

// firstOf bounds a list of names for people.
func firstOf(names []string) []string {
	const most = 5
	if len(names) > most {
		return append(slices.Clone(names[:most]), "…")
	}
	return names
}

// zoneOff is how far a server's stamps are from the time at which the lines came
// in, where that looks like a time zone: nearly the same for nearly all lines, some
// quarters of an hour and not much else. Positive is behind. Lines that were read in
// late are behind too, but not all by so much.
func (h *sampledHost) zoneOff() time.Duration {
	const (
		fewest = 20 // lines
		step   = 15 * time.Minute
		slack  = 3 * time.Minute
		widest = 14 * time.Hour
	)
	if len(h.lags) < fewest {
		return 0
	}
	lags := slices.Sorted(slices.Values(h.lags))
	middle := lags[len(lags)/2]
	off := middle.Round(step)
	if off == 0 || off.Abs() > widest {
		return 0
	}
	near := 0
	for _, lag := range lags {
		if (lag - off).Abs() <= slack {
			near++
		}
	}
	if near*10 < len(lags)*9 {
		return 0
	}
	return off
}
