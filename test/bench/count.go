package bench

import "time"

// Count is what one measurement went through in one round.
type Count struct {
	Docs     int   // lines, or documents
	Requests int   // to Elasticsearch; 0 where it is not known
	Bytes    int64 // of answers, or of bodies sent
	Elapsed  time.Duration

	// CPU is what the product's own processes took; 0 for a floor, which runs in the benchmark's.
	CPU time.Duration
	// NodeCPU is what Elasticsearch took meanwhile; 0 where it has no part, or is not asked.
	NodeCPU time.Duration
	// Busy is the part of the time in which this machine's cores were, for whomever, from 0 to 1; 0 where it is not known.
	Busy float64
	// Written is how many documents the product had written, each as often as it was, and Stored how many there are for it.
	Written, Stored int
	// Peak is the most memory, in bytes resident, of the largest of the product's processes; 0 for a floor.
	Peak int64
}

// PerSecond is the rate in documents.
func (c Count) PerSecond() float64 { return float64(c.Docs) / c.Elapsed.Seconds() }
