package maillog

// filter is a Bloom filter over key hashes: a set of fixed size that never
// denies a member and now and then takes a stranger for one. An exact set would grow with the number of open
// messages, which is what spilling is to bound.
type filter struct{ bits []uint64 }

// probes is the number of bits set for a key: near the best for some ten bits a
// key.
const probes = 6

func newFilter(bytes int64) filter { return filter{make([]uint64, bytes/8)} }

func (f filter) add(hash uint64) {
	for i := range uint64(probes) {
		word, bit := f.place(hash, i)
		f.bits[word] |= bit
	}
}

func (f filter) has(hash uint64) bool {
	if f.bits == nil {
		return false
	}
	for i := range uint64(probes) {
		if word, bit := f.place(hash, i); f.bits[word]&bit == 0 {
			return false
		}
	}
	return true
}

func (f filter) place(hash, i uint64) (word int, bit uint64) {
	n := (hash + i*(hash>>31|1)) % (uint64(len(f.bits)) * 64)
	return int(n / 64), 1 << (n % 64)
}
