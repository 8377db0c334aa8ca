// Package checkup provokes every finding of `postweave check` on a real
// Elasticsearch, does what the finding says, and looks that it is gone. Where a finding foretells how a run
// ends, a run is made.
package checkup
