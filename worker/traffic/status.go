package traffic

import (
	"slices"

	"github.com/postweave/postweave/worker/message"
)

// Statuses are those of messages and recipients, in the order in which they are shown.
var Statuses = []string{
	message.Sent, message.Deferred, message.Bounced, message.ExpiredStatus, message.Rejected, message.Mixed, message.HeldStatus,
	message.Discarded, message.Deleted, message.AbortedStatus, message.Queued, message.Receiving,
}

// RecipientStatuses are the fields of a document's counts, in the same order.
var RecipientStatuses = []string{
	message.Sent, message.Deferred, message.Bounced, message.ExpiredStatus, message.Rejected, message.HeldStatus, message.Discarded,
	message.Deleted, message.Queued,
}

// ByStatus lists what there is of each status, in the order of [Statuses]; one that is not among them follows by name.
func ByStatus(counts map[string]int64) []Count {
	out := []Count{}
	for _, s := range Statuses {
		if n := counts[s]; n > 0 {
			out = append(out, Count{s, n})
		}
	}
	for _, s := range sortedKeys(counts) {
		if !slices.Contains(Statuses, s) && counts[s] > 0 {
			out = append(out, Count{s, counts[s]})
		}
	}
	return out
}

// spans are the bounds of [Figures.DeliveryTimes], in seconds.
var spans = []float64{0, 1, 10, 60, 600, 3600, 86400}

// Spans are the ranges of [Figures.DeliveryTimes], with nothing in them.
func Spans() []Span {
	out := make([]Span, len(spans))
	for i := range spans {
		out[i].From = spans[i]
		if i+1 < len(spans) {
			out[i].To = spans[i+1]
		}
	}
	return out
}
