package esquery

import (
	"context"

	"github.com/postweave/postweave/worker/journey"
)

// Follow finds the messages that fit, and all that they are linked with in either
// direction.
func (d *Documents) Follow(ctx context.Context, t Trace) (journey.Journeys, error) {
	return d.follow(ctx, t, journey.DefaultBounds)
}

func (d *Documents) follow(ctx context.Context, t Trace, bounds journey.Bounds) (journey.Journeys, error) {
	found, more, err := d.matching(ctx, t)
	if err != nil {
		return journey.Journeys{}, err
	}
	out, err := journey.Follow(ctx, asDocuments(found), d.neighbours, bounds)
	out.More = more
	return out, err
}

// Found is Follow without following: the messages that fit, newest first, as journeys of no steps.
func (d *Documents) Found(ctx context.Context, t Trace) (journey.Journeys, error) {
	found, more, err := d.matching(ctx, t)
	out := journey.Journeys{More: more}
	for i := range found {
		out.Messages = append(out.Messages, journey.Message{ID: found[i].ID, Source: found[i].Source, Found: true})
	}
	return out, err
}

func asDocuments(hits []hit) []journey.Document {
	out := make([]journey.Document, len(hits))
	for i := range hits {
		out[i] = journey.Document{ID: hits[i].ID, Source: hits[i].Source}
	}
	return out
}

// neighbours is a [journey.Neighbours].
//
// It does not search by message id. Whatever Postfix links it names by queue id, and a message id alone,
// which anyone can make up, would never be enough.
func (d *Documents) neighbours(ctx context.Context, own, named []string, atMost int) ([]journey.Document, int64, error) {
	req := d.searchMessages(object{
		"size": atMost, "track_total_hits": atMost + 1,
		"query": object{"bool": object{"filter": []object{either(
			object{"terms": object{"queue_id": named}},
			object{"terms": object{"links.queue_id": own}},
			object{"terms": object{"recipients.remote_queue_id": own}},
		)}}},
		"sort": []object{
			{"@timestamp": object{"order": "asc"}},
			{"queue_id": object{"order": "asc", "missing": "_last"}},
			{"host.name": object{"order": "asc"}},
		},
	})
	req.Op = "search linked messages"
	hits, total, err := d.client.hits(ctx, req)
	return asDocuments(hits), total, err
}
