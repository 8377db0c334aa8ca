// Package bench measures what the work must cost at least, so that what the product takes can be told as a ratio.
//
// A floor does with Elasticsearch, or with a file, what no reader or writer can do without, and nothing else: it fetches every
// document and looks at none, or sends documents that are ready. It uses net/http and bytes, and shares no code with the product:
// a fault in the product's reader must not slow its floor too.
//
// Floors and product are measured in turns in one process against one node. Only ratios of one run mean anything: the absolute
// numbers are the machine's.
package bench
