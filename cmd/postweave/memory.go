package main

import (
	"os"
	"runtime/debug"
)

// spareMemory is what a command may take beside the lines that it holds, in
// bytes.
const spareMemory = 256 << 20

// fewerCollections lets the heap grow to five times its live part before it is
// collected, as long as that stays below twice the bound on held lines and some to spare: merging makes
// a lot of short-lived memory, and with Go's own setting a fifth of the time goes into collecting
// it. GOGC and GOMEMLIMIT override it.
func fewerCollections(held int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(2*held + spareMemory)
	}
}
