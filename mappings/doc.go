// Package mappings holds the shape that Elasticsearch gives to postweave's
// indices: the index template of the messages and the mapping of the state
// index, as JSON files that are also embedded. README.md explains the choices.
//
// The package knows no client; esquery installs what it returns.
package mappings
