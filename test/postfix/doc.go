// Command postfix lets a real Postfix write the log: two instances on loopback,
// mail sent through them in every way that is cheap to provoke, and their own log merged and compared with what was
// sent and what arrived.
//
// Three journals meet in the comparison. The client notes what it sent and what it was told, the
// sink notes what it was offered and what it answered, and Postfix writes its log. The
// documents made of the third must agree with the first two, which know nothing of logs. Most
// of the comparison needs no word about the situation: a queue id that the client was
// told or that stands in a Received header must have one document, with this sender, this
// size, and for each recipient what the sink said. What only a situation knows, such as
// "held", it states as a [Want].
//
// The way of a mail:
//
//	client, sendmail → postfix-mx (short ids) → postfix-out (long ids) → sink
//	                             ↘ filter ↗   ↘ sink
//
// Both instances have all their files in one temporary directory and listen on free ports
// of 127.0.0.1. A Postfix that is configured on the machine is neither read nor touched.
package main
