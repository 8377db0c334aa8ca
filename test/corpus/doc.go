// Package corpus holds situations of a mail's life, each a small log with what must come of it.
//
// A situation is a folder:
//
//	mail.log          its lines as syslog wrote them, 40 at most
//	expected.json     facts, worked out by hand from what Postfix means by the lines
//	documents.ndjson  the documents, byte for byte as the merge command prints them
//
// The facts say what is right, the documents what must not change unseen: a test compares each
// document with both. The package shares no code with the product, so that it can judge it.
package corpus
