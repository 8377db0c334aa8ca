// Package loggen makes logs as busy Postfix servers write them, for benchmarks and tests.
//
// A seed decides everything: two generators of one Config say the same lines in the same order. Lines come in time order over all
// servers, one after the other, and what is held in memory is what Postfix would hold in its queue, never the log.
//
// Beside the lines a generator can say the truth: what each message was, told by the code that sent it and not read from its
// lines. The package shares no parser with the product, so that the two can be compared.
//
//	g := loggen.New(loggen.Config{Seed: 1, Messages: 1000})
//	err := g.Run(func(l loggen.Line) error { ... }, func(t loggen.Truth) error { ... })
//
// Shipper turns a line into the document that Logstash would have indexed for it, in both layouts of the corpora.
package loggen
