// Package test holds what is tested across packages, and what the tests need:
//
//   - corpora, logs with the truth beside them
//   - esnode, a real Elasticsearch node
//   - score, documents against a corpus's truth
//   - loggen, logs of any size from a seed
//   - bench, what a run costs beside what it cannot cost less than
//   - demo, the main job from raw lines to a table
//
// Its own tests run the product against the node. None of the folders shares
// code with the product's parser, reader or writer: what tests a thing must not
// be wrong in the same way.
package test
