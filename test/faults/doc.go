// Package faults breaks what a run stands on, the real thing where that can be
// broken at will and a proxy's answers where not, and shows that nothing is lost or doubled.
//
// They are a module of their own, which keeps what they need to break a network out of the
// product's dependencies, and run with `make test-faults`: many start nodes of their own, which takes
// longer than a developer should wait for `make test`.
package faults
