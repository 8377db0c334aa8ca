package main

import "os"

// Colours of statuses, for a quick eye: good, waiting, bad. Nothing is said by a colour alone.
const (
	colourGood    = "\x1b[32m"
	colourWaiting = "\x1b[33m"
	colourBad     = "\x1b[31m"
	colourTitle   = "\x1b[1m"
	colourOff     = "\x1b[0m"
)

// coloured tells whether an output is a terminal that shows colours, and its user wants them (no-color.org).
func coloured(w any) bool {
	return isTerminal(w) && wantsColours(os.Getenv("NO_COLOR"), os.Getenv("TERM"))
}

func wantsColours(noColor, term string) bool { return noColor == "" && term != "" && term != "dumb" }

// statusColour is the colour of a status, or of a timeline's word; none for others.
func statusColour(word string) string {
	switch word {
	case "sent", "deliverable":
		return colourGood
	case "deferred", "held", "queued", "receiving", "mixed":
		return colourWaiting
	case "bounced", "expired", "rejected", "discarded", "deleted", "aborted", "undeliverable":
		return colourBad
	}
	return ""
}

// paint puts text, which must be safe already, into a colour.
func paint(text, colour string) string {
	if colour == "" {
		return text
	}
	return colour + text + colourOff
}
