package message

// Texts are long and nearly all of them printable ASCII, so they are looked at eight bytes at a time, each byte in its
// own part of one number.
const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// eightBytes are the first eight bytes of a text that has as many, the first in the lowest place.
func eightBytes(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// special has a bit of tops set where one of eight bytes does not stand for itself in a JSON string. A borrow from the
// byte below may set it wrongly, never clear it.
func special(x uint64) uint64 {
	return (x | (x - ' '*ones) | ((x ^ '"'*ones) - ones) | ((x ^ '\\'*ones) - ones)) & tops
}

// plainPrefix is how many bytes at the start of a text stand for themselves in a JSON string. It may be too few.
func plainPrefix(s string) int {
	n := 0
	for ; len(s)-n >= 32; n += 32 {
		t := s[n : n+32]
		if special(eightBytes(t))|special(eightBytes(t[8:]))|special(eightBytes(t[16:]))|special(eightBytes(t[24:])) != 0 {
			break
		}
	}
	for ; len(s)-n >= 8; n += 8 {
		if special(eightBytes(s[n:n+8])) != 0 {
			break
		}
	}
	for n < len(s) && plain[s[n]] {
		n++
	}
	return n
}
