// Package terminal is a pseudo terminal for tests, and what its screen shows.
package terminal
