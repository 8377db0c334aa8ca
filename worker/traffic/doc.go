// Package traffic counts merged messages: how much mail there was in a range of time, what became of it, who sent
// and received most of it, and why some of it did not arrive.
//
// The same [Figures] come of documents that are counted one by one ([Tally]), as those of a log are, and of
// aggregations over an index. Each field says what it counts, so that it can be worked out from the documents by hand.
//
// What is counted is documents: a message on one server. Mail that passes two servers, or a content filter and back,
// is a message each time. Mail addresses and their domains are compared in lower
// case, as the index has them, all other names as they are. Times are whole milliseconds, as the index compares them.
//
// The package is pure: no clock, no files, no network.
package traffic
