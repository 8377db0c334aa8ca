package postlog

// lastIndex is strings.LastIndex, which takes three times as long for texts of the length of a line: it reckons a hash
// of each place.
func lastIndex(s, what string) int {
	for i := len(s) - len(what); i >= 0; i-- {
		if s[i] == what[0] && s[i:i+len(what)] == what {
			return i
		}
	}
	return -1
}
