package page

// Term is a word and what it means here.
type Term struct{ Word, Meaning string }

// Terms are the words that a reader needs to know, in order.
func Terms() []Term {
	return []Term{
		{"Message", "One mail on one server. Mail that passes two servers, or a content filter and back, counts each time."},
		{"Recipient", "One address of a message, as it was delivered to; addresses refused while the message was handed in are counted too."},
		{"Sent", "Handed to the next server, or put into a mailbox. What happens to it there is not known."},
		{"Deferred", "The last attempt failed and will be repeated."},
		{"Bounced or expired", "Given up: refused for good, or not delivered within the queue's time."},
		{"Mixed", "A message whose recipients differ in outcome."},
		{"Reject", "Refused before it was taken, so that it never was a message."},
		{"Volume", "The size of messages, once for each message however many recipients it has."},
		{"Hand-over", "The time for connecting to the next server and transmitting the message."},
	}
}
