// Package hard holds the merges that are hardest to get right when a worker dies between two writes: late
// lines that move the boundary between two messages of one queue id, halves in different hands, documents and source
// indices that vanish.
//
// The scenarios are data. One suite plays them on the real node with the real command and one on the simulation, each
// with a kill at every request, so that both show the same.
package hard
