package main

import (
	"os"
	"runtime/debug"
)

// spareMemory is what a command may take beside the lines that it holds, in
// bytes.
const spareMemory = 128 << 20

// fewerCollections lets the heap grow to three times its live part before it is
// collected, as long as that stays below the bound on held lines and some to spare: merging makes
// a lot of short-lived memory, and with Go's own setting a tenth of the time goes into collecting
// it. More gains nothing: the time is lost again in asking the system for memory. GOGC and GOMEMLIMIT override it.
func fewerCollections(held int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(held + spareMemory)
	}
}
