// Package lives draws the lines that Postfix writes about a message, for property tests: any origin and
// any end, several recipients with their retries, holds, requeues, expiry and notices, hostile subjects and
// addresses, filters that name the queue id, and lines that are cut. What it draws is one message by
// construction, so that a test knows what belongs together without asking the code it tests.
package lives
