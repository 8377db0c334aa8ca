// Package essim is Elasticsearch in memory, as far as postweave can see it: an http.RoundTripper that answers the
// requests which the product sends, and no others.
//
// It keeps what correctness hangs on: operations are numbered shard by shard (_seq_no), a delete takes a number too, a
// write is conditional on the latest revision, a search sees what was refreshed and nothing else, a GET by id sees all, a
// point in time stands still, and the global checkpoint stays below an operation that is under way. A test sends the same
// requests to it and to a real node and compares the answers, so that the simulation built on it is worth something.
//
// A request, a parameter or a form of query that it does not know is told to [Cluster.Unknown]: a test must not pass because the
// simulation shrugged.
package essim
