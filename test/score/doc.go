// Package score compares merged message documents with what is known to have
// happened to the messages.
//
// A corpus is a folder with three files, each as it is or with .gz:
//
//   - mail.log, the raw log of Postfix servers
//   - sent.ndjson, one submission a line: what was handed in and what the server answered
//   - arrived.ndjson, one line for each recipient of a message that the far end accepted
//
// The log is read only for facts that one line states by itself, by patterns that
// have nothing in common with the product's parser: a mistake that both shared
// would pass unseen. The two other files were never in Postfix's hands, and so
// know nothing of how a log looks.
package score
