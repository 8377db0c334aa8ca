// Package hostile makes of a log what disorder, repetition, loss and strangers make of it: the same log in
// other words, of which a test knows what must come out the same. Each variant is a function of the log and a
// seed. It shares no code with the product.
package hostile
