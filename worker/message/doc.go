// Package message merges the lines about one mail into one document.
//
// # The one idea
//
// A document carries the lines it was made of and is a pure function of them.
// To bring a document up to date is to unite its lines with new ones and to merge again.
// The union of sets knows no order, no repetition and no batches, so neither do the documents:
// [Merge] gives the same bytes for the same set of lines, however it was read.
//
// # What becomes of a recipient
//
// The first row that fits decides.
//
//	last attempt        also known                                status
//	sent                by the discard transport                  discarded
//	sent                                                          sent
//	bounced                                                       bounced
//	deliverable         (a probe)                                 deliverable
//	undeliverable       (a probe)                                 undeliverable
//	none                refused at RCPT                           rejected
//	deferred or none    qmgr: expired, returned to sender         expired
//	deferred or none    postsuper: removed                        deleted
//	none                the message rejected or discarded, and
//	                    never in the active queue                 rejected, discarded
//	none                the message aborted, and never in the
//	                    active queue                              rejected
//	deferred or none    on hold, not released since               held
//	none                                                          queued
//	deferred                                                      deferred
//
// The last attempt is the one that counts: a final one (sent, bounced) beats a
// deferred one; among equals the longest delay, which never decreases, then the later time.
// SOFTBOUNCE is deferred: the mail stays in the queue. A status that is not known counts as deferred, with a
// warning.
//
// # What becomes of a message
//
//	never in the active queue, and                                status
//	    rejected by a check on the whole message                  rejected
//	    discarded by a check                                      discarded
//	    given up by client or server, or too big                  aborted
//	recipients (those refused at RCPT left out)
//	    all of one status                                         that status
//	    of different statuses                                     mixed
//	    none known, only refused ones, no origin line             rejected
//	    none known, but expired, deleted or held                  expired, deleted, held
//	    none known, only an origin line, or filters' words        receiving
//	    none known                                                queued
//
// A verdict that refuses, holds or discards counts; one that warns, diverts or
// adds is in the checks and changes nothing, since later lines say where the mail went, save that no
// announced recipient is waited for after a redirect. What filters beside Postfix say is in the checks too and never
// changes a status.
//
// A message is complete once its queue file was removed, by qmgr, cleanup or
// postsuper. Where the last that is known of a recipient of such a message is deferred, queued or
// held, or none is known and the message is queued or held, its last lines are missing: the status stays
// the last known one, and the warning outcome_unknown says that it is not the end.
//
// A message is open until any end was seen: its removal, a verdict that ends it, or its
// abortion.
package message
