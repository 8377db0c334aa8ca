package postlog

import (
	"net/netip"
	"strings"
)

// mailbox reads an address that stands in angle brackets, from behind the
// opening one, as RFC 5321 4.1.2 allows it: a quoted local part may hold any
// character, brackets included. It returns the address as written and what
// follows the closing bracket. follows is asked whether that is what the line's
// grammar expects there.
//
// Postfix before 3.5 logged addresses without their quotes, so that a bracket or a
// lone quote may stand in one: where the strict reading leads nowhere, the first bracket that is
// followed as expected ends the address.
func mailbox(s string, follows func(rest string) bool) (addr, rest string, ok bool) {
	if addr, rest, ok = quotedMailbox(s, follows); ok {
		return addr, rest, true
	}
	return looseMailbox(s, follows)
}

// quotedMailbox is the strict reading.
func quotedMailbox(s string, follows func(rest string) bool) (addr, rest string, ok bool) {
	if end := quotedEnd(s); end >= 0 && follows(s[end+1:]) {
		return s[:end], s[end+1:], true
	}
	return "", s, false
}

// looseMailbox is the reading for addresses whose quotes mean nothing.
func looseMailbox(s string, follows func(rest string) bool) (addr, rest string, ok bool) {
	for i := 0; i < len(s); i++ {
		if s[i] == '>' && follows(s[i+1:]) {
			return s[:i], s[i+1:], true
		}
	}
	return "", s, false
}

// quotedEnd returns the index of the bracket that closes an address, or -1.
// Brackets in a quoted local part and after a backslash do not count. A quoted
// string must be the whole local part: after its closing quote only "@", "." or the bracket may
// stand, so that a stray quote in one place cannot swallow text up to another.
func quotedEnd(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			if quoted && i+1 < len(s) && s[i+1] != '@' && s[i+1] != '>' && s[i+1] != '.' {
				return -1
			}
			if !quoted && i > 0 && s[i-1] != '.' && s[i-1] != ':' {
				return -1
			}
			quoted = !quoted
		case '>':
			if !quoted {
				return i
			}
		}
	}
	return -1
}

// parseHost reads name[address] and name[address]:port. It returns what follows.
func parseHost(s string) (h Host, rest string, ok bool) {
	open := strings.IndexByte(s, '[')
	if open < 0 {
		return Host{}, s, false
	}
	closing := strings.IndexByte(s[open:], ']')
	if closing < 0 {
		return Host{}, s, false
	}
	closing += open
	if strings.ContainsAny(s[:open], " ;<>,") {
		return Host{}, s, false
	}
	h = Host{Name: s[:open], IP: validIP(s[open+1 : closing])}
	rest = s[closing+1:]
	if strings.HasPrefix(rest, ":") {
		end := 1
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		if n, ok := digits(rest[1:end]); ok && n > 0 && n <= 65535 {
			h.Port, rest = n, rest[end:]
		}
	}
	return h, rest, true
}

// isIPv4 tells four numbers up to 255 without leading zeros, as netip.ParseAddr takes them, in a quarter of the time.
func isIPv4(s string) bool {
	n, digits, dots := 0, 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			if digits > 0 && n == 0 {
				return false
			}
			n = n*10 + int(c-'0')
			if digits++; n > 255 {
				return false
			}
		case c == '.' && digits > 0 && dots < 3:
			n, digits = 0, 0
			dots++
		default:
			return false
		}
	}
	return dots == 3 && digits > 0
}

// validIP returns s where it is an address that the index's ip type takes,
// else nothing: "unknown", a socket's path, an address with a zone.
func validIP(s string) string {
	if len(s) < 2 || len(s) > 45 {
		return ""
	}
	if isIPv4(s) {
		return s
	}
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return ""
	}
	return s
}
