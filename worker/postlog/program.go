package postlog

// NamesQueueIDs tells whether a program's lines may begin with a queue id: those
// of Postfix ([IsPostfix]) and of the filters known to name it. Lines of others are not looked
// at: in all of syslog, a word of hexadecimal digits before a colon is no rarity.
func NamesQueueIDs(program string) bool {
	return IsPostfix(program) || familyOf(program) != noFilter
}
