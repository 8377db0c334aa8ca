// Package security tests the roles that setup prints, and the secrets, on a real node with security and TLS
// switched on: each role is enough for its commands, nothing else is allowed to it, and nothing can be taken
// away from it.
package security
