package esquery

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/postweave/postweave/mappings"
	"github.com/postweave/postweave/worker/message"
)

// mostLogParts bounds how many pieces of one long log are read to show them: each may have some megabytes.
const mostLogParts = 64

// ErrLogNotWhole tells that a log is shown in part, for a reason that lies with the log and not with the reader's rights.
var ErrLogNotWhole = errors.New("its log is longer than what could be read")

// LogParts returns the lines of a long log that lie beside a document, of which its JSON says that there are so many
// pieces. What it returns is right where it returns an error too, and not all of it then. Nothing is refreshed: a
// reader has no right to do that, and a document is shown as old as the index shows it.
func (d *Documents) LogParts(ctx context.Context, id string, parts int) (lines []message.Line, err error) {
	wanted := min(parts, mostLogParts)
	for first := 1; first <= wanted; first += partsAtOnce {
		more, missing, err := d.somePieces(ctx, id, first, min(first+partsAtOnce-1, wanted))
		lines = append(lines, more...)
		if err != nil {
			return lines, err
		}
		parts -= min(partsAtOnce, wanted-first+1) - missing
	}
	if parts > 0 {
		return lines, fmt.Errorf("%w: %d pieces of it were not found, or are more than the %d that are looked at", ErrLogNotWhole, parts, mostLogParts)
	}
	return lines, nil
}

// somePieces reads the pieces with the numbers from first to last, and tells how many of them are not there.
func (d *Documents) somePieces(ctx context.Context, id string, first, last int) (lines []message.Line, missing int, err error) {
	const op = "read the rest of a long log"
	index := mappings.LogIndex(d.alias)
	ids := make([]string, 0, last-first+1)
	for n := first; n <= last; n++ {
		ids = append(ids, message.PartID(id, n))
	}
	a, err := d.client.search(ctx, Request{
		Op: op, Method: http.MethodPost, Path: "/" + url.PathEscape(index) + "/_search",
		Query: url.Values{"allow_partial_search_results": {"false"}}, Idempotent: true,
		Body: object{"size": len(ids), "track_total_hits": false, "query": object{"ids": object{"values": ids}}}.json(),
	})
	if err != nil {
		return nil, 0, err
	}
	for i := range a.Hits.Hits {
		piece, _, err := message.StoredLines(a.Hits.Hits[i].Source)
		if err != nil {
			return lines, 0, &Error{Class: ClassSetup, Op: op, Index: index, Err: err}
		}
		lines = append(lines, piece...)
	}
	return lines, len(ids) - len(a.Hits.Hits), nil
}
