// Package esquery is everything that talks to Elasticsearch.
//
// Reading: [Client.Source] names the raw lines. [Source.Incoming] hands over
// what is new, by arrival or, where that is not told, by ingest time with an overlap; [Source.Days] a range
// of time for a backfill and [Source.Range] one for a verification. All come in slices that are bounded and counted: what is new
// by a composite aggregation over its keys, from the same point in time as its lines, a range of time by the search for
// the lines itself.
//
// Writing: [Client.Documents] is the target. Its writes are conditional, and
// believed only as far as Elasticsearch confirms them item by item.
//
// Asking: [Documents.Each] finds messages, [Documents.Follow] the journeys they
// are on. Which queue id is one of ours is decided by [message.Relate].
//
// Around it: [Connect], [Client.Setup], and [Error], whose class is the exit code.
package esquery
