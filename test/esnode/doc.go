// Package esnode runs a real Elasticsearch node for tests and for the demonstration.
//
// The node is the distribution that Elasticsearch's own integration tests start:
// org.elasticsearch.distribution.integ-test-zip, the real server with the modules
// transport-netty4, x-pack-core, x-pack-security and apm. It has no painless, no
// ingest processors, no ILM, no reindex, no delete-by-query, no analysis-common
// and no mapper-extras, and answers GET / with 405. What passes here therefore
// needs none of them.
//
// Three versions are known, each by the sum of its artifact: the oldest that
// postweave supports, the one that is run where nothing is said, and one of the
// next major. POSTWEAVE_TEST_ES_VERSION names another than the default for all
// nodes of a process; Options.Version does for one. Each takes the first JDK that
// fits it.
//
// A container image would be the usual way; it needs a container runtime, which
// build machines and laptops often lack. A JDK and Maven suffice here, and after
// the first start, which fetches and unpacks the distribution, no network is used.
//
// The node listens on 127.0.0.1 only, on a port the kernel chose, with security
// off, and keeps everything in a temporary folder. It ends with the process that
// started it, however that one ends.
package esnode
