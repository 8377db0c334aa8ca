// Package worker runs the job: it takes what arrived, slice by slice, unites it
// with what the documents already carry, merges, and writes what changed.
//
// # Life of a line
//
//  1. It arrives in an index of raw lines. A [Source] finds it by its place in the order of
//     arrival, whatever its time stamp says, and hands it over in a slice with all others that arrived
//     with it, sorted by host and queue id.
//  2. [Merger] asks the [Target] for the documents of these keys and unites their own lines with
//     the new ones. The union is a set: nothing depends on order or on repetition. While the keys that come are new ones it does not
//     ask before: a document is then created, which fails where there is one.
//  3. package message merges the union to documents. Documents of equal bytes are left alone.
//  4. What is new or has grown is written first, then what lost lines to another document of its key,
//     then what has none left is deleted; each on the condition that the index still holds what was read. On
//     a conflict the key is read again.
//  5. After that the keys with short queue ids are looked up once more: another writer may have
//     written other lines of the same message under another id meanwhile. What is found is united too.
//  6. Only then the slice is confirmed, and the source moves its cursor to the slice's end and no
//     further.
//
// The cursor saves work and nothing else. A crash at any point repeats a slice,
// and a repeated slice changes nothing.
//
// [Verify] plans what a run would write for a range of time and tells of what differs;
// [Rebuild] merges documents again from their own lines. Both use the plans of a run.
//
// worker knows no Elasticsearch. The ports are satisfied by package esquery and
// joined in cmd/postweave/wire.go.
package worker
