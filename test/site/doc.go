// Package site is an installation to test: index names of its own on a real
// node, the real command as a process, raw documents as Logstash indexes them, and the comparison of what became of them.
package site
