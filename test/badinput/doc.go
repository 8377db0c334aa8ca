// Package badinput holds one table of what a mail system should never write and
// somebody will: each row goes through the parser, the merge command and a real Elasticsearch. docs/bad-input.md is
// made from it. Beside the table, values that are meant to harm go through every command that there is.
package badinput
