// Package maillog merges mail logs that lie in files or come from a pipe: no
// server, bounded memory, one pass.
//
// # What is held, and for how long
//
// The lines of one (host, queue id) are held together until the last of its
// messages has ended and the log's clock has passed its last line by the window. Then
// they are merged and let go. The clock is the latest time stamp seen, of each host by itself: a
// server whose clock runs ahead must not cut the window of the others short. No other clock is looked at, so the same
// input gives the same output on any day.
//
// Lines within the window may stand in any order. A line that comes later than that, about a message that was
// written, makes a document of its own with the same _id and is counted (Report.Late).
//
// # When memory does not suffice
//
// Beyond Options.MaxMemory the lines of open messages go to one temporary file, and
// so does every later line about them. At the end the file is read partition by
// partition, and each message is merged from all its lines.
//
// One key's lines must be held together for that, whatever the bound is: some 400 bytes a
// line beside its text, so a million lines of one queue id take half a gigabyte.
//
// # On all cores
//
// One goroutine reads each input ahead, as blocks of bytes; lines are parts of them and not copied. One sorts the lines
// in, which is quick, and sends the messages that have ended to others, which merge them and write their JSON. What
// they made is taken back in the order in which it was sent, and before anything is done that depends on
// it: documents, their order and every count are the same on any number of cores.
//
// What is held for long has its texts copied out of its blocks (settleDown), or a few lines would keep many.
//
// # Short queue ids come back
//
// A short id's document takes its _id from the day of its arrival and its ordinal within that day, so
// the second message that had an id on one day must know of the first, whose lines are gone. To hold
// each message until its day is over would be simple, and would hold a day of
// mail. The lines are not needed: an id comes back with an origin line, which is
// a boundary whatever stood before, so it suffices to remember arrival, last line and ordinal
// of the message written last (message.Past), for the rest of that day and the next one.
// These records have their share of MaxMemory too, and go to the same file beyond it.
package maillog
