package essim

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
)

// shardOf is the shard that an id is routed to, as Elasticsearch reckons it: so
// that operations get the same numbers here as there.
func shardOf(id string, shards int) int {
	routing := shards // the number of shards doubled while it stays within 1024
	for routing*2 <= 1024 {
		routing *= 2
	}
	if shards == 1 {
		return 0
	}
	h := int64(int32(murmur3(id))) //nolint:gosec // two's complement is meant
	n := int64(routing)
	return int(((h%n)+n)%n) / (routing / shards)
}

// murmur3 is the 32-bit hash of the text's UTF-16, little-endian.
func murmur3(s string) uint32 {
	units := utf16.Encode([]rune(s))
	b := make([]byte, 0, 2*len(units))
	for _, u := range units {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	var h uint32
	mix := func(k uint32) uint32 { return bits.RotateLeft32(k*c1, 15) * c2 }
	n := len(b)
	for ; len(b) >= 4; b = b[4:] {
		h = bits.RotateLeft32(h^mix(binary.LittleEndian.Uint32(b)), 13)*5 + 0xe6546b64
	}
	var k uint32
	for i := len(b) - 1; i >= 0; i-- {
		k = k<<8 | uint32(b[i])
	}
	h ^= mix(k)
	h ^= uint32(n) //nolint:gosec // ids are short
	h = (h ^ h>>16) * 0x85ebca6b
	h = (h ^ h>>13) * 0xc2b2ae35
	return h ^ h>>16
}
