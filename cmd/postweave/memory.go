package main

import (
	"os"
	"runtime/debug"
)

// spareMemory is what a merge of log files may take beside the lines that it holds, in
// bytes.
const spareMemory = 140 << 20

// passMemory is how far the heap of a pass over a source may grow before it is collected more often, in bytes. What it holds at
// once, two slices and what they are merged to, is about half of that.
const passMemory = 208 << 20

// fewerCollections lets the heap grow to so many per cent above its live part before it is
// collected, as long as it stays below so many bytes: merging makes
// a lot of short-lived memory, and with Go's own setting a tenth of the time goes into collecting
// it. GOGC and GOMEMLIMIT override it.
func fewerCollections(percent int, below int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(below)
	}
}
