package maillog

// Report counts what a merge read and wrote. Once it is through, every line is
// in exactly one of NotSyslog, Foreign, NoQueueID, Parsed, Unparsed and Repeated.
type Report struct {
	Lines     int64 // read
	Bytes     int64 // of these, line ends included, unpacked
	NotSyslog int64 // lines without a syslog header, empty ones included
	Foreign   int64 // lines of programs that name no queue ids
	NoQueueID int64 // lines of Postfix and filters that do not begin with a queue id, rejects left out
	Parsed    int64 // lines that are in a document and understood
	Unparsed  int64 // lines that are in a document and not understood
	Repeated  int64 // lines that are in a document already
	Truncated int64 // lines cut at MaxLine; each is in one of the counts above too

	Messages int64 // documents of a message or a probe
	Rejects  int64 // documents of a NOQUEUE reject
	Late     int64 // lines, further apart than the window, of messages that had been written
	Spilled  int64 // keys that went through the temporary file
	Unjoined int64 // lines about sessions let go without a look: there were too many

	// Shapes are the kinds of lines that were not understood, the most frequent
	// first. Only with Options.Explain; at most MaxShapes and one for the rest.
	Shapes []Shape
}

// Shape is a kind of line that was not understood. Text holds no mail data.
type Shape struct {
	Daemon, Text string
	Count        int
}
