package traffic

// Names is how many names are kept in memory, in all lists together.
func (t *Tally) Names() int {
	n := 0
	for _, list := range []*bounded[Entry]{&t.senders, &t.senderDomains, &t.to, &t.names, &t.addresses, &t.users, &t.servers} {
		n += len(list.m)
	}
	for _, list := range []*bounded[int64]{&t.bounced.codes, &t.bounced.responses, &t.deferred.codes, &t.deferred.responses, &t.rejected, &t.rejectTexts} {
		n += len(list.m)
	}
	return n + len(t.domains.m) + len(t.hosts.m) + len(t.hops.m)
}
