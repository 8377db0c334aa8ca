package traffic

import (
	"cmp"
	"maps"
	"math"
	"net/netip"
	"slices"
)

// Rank makes the top of a list from entries with different names. others is what entries that are not among these count.
func Rank(entries []Entry, others int64, top int) Ranking {
	return rank(entries, others, top, func(a, b Entry) int { return cmp.Compare(a.Name, b.Name) })
}

// RankClients is [Rank] for host names and IP addresses together. Of equal ones the names come first, then the addresses as numbers.
func RankClients(entries []Entry, others int64, top int) Ranking {
	return rank(entries, others, top, func(a, b Entry) int { return compareClients(a.Name, b.Name) })
}

func rank(entries []Entry, others int64, top int, byName func(a, b Entry) int) Ranking {
	kept, rest := leaders(entries, top, func(e Entry) int64 { return e.Messages }, byName)
	return Ranking{Entries: kept, Others: others + rest}
}

// RankDestinations makes the top of domains.
func RankDestinations(entries []Destination, others int64, top int) Destinations {
	kept, rest := leaders(entries, top, func(d Destination) int64 { return d.Recipients },
		func(a, b Destination) int { return cmp.Compare(a.Name, b.Name) })
	return Destinations{Entries: kept, Others: others + rest}
}

// RankRelays makes the top of relays, and of the slowest ones.
func RankRelays(entries []Relay, others int64, top int) (Relays, []Relay) {
	compared, rest := leaders(entries, RelaysCompared, func(r Relay) int64 { return r.Deliveries }, compareRelays)
	slow := slices.DeleteFunc(slices.Clone(compared), func(r Relay) bool { return r.Deliveries < LeastDeliveries || r.HandOver <= 0 })
	slices.SortFunc(slow, func(a, b Relay) int {
		return cmp.Or(cmp.Compare(b.HandOver, a.HandOver), cmp.Compare(b.Deliveries, a.Deliveries), compareRelays(a, b))
	})
	kept, cut := leaders(compared, top, func(r Relay) int64 { return r.Deliveries }, compareRelays)
	return Relays{Entries: kept, Others: others + rest + cut}, append([]Relay{}, slow[:min(top, len(slow))]...)
}

// RankReasons makes the top of reasons, and puts them in words.
func RankReasons(entries []Reason, others int64, top int) Reasons {
	kept, rest := leaders(entries, top, func(r Reason) int64 { return r.Recipients },
		func(a, b Reason) int { return cmp.Compare(a.DSN, b.DSN) })
	for i := range kept {
		kept[i].Meaning = Meaning(kept[i].DSN)
	}
	return Reasons{Entries: kept, Others: others + rest}
}

// RankRefusals makes the top of reasons for rejects, and puts them in words.
func RankRefusals(entries []Refusal, others int64, top int) Refusals {
	kept, rest := leaders(entries, top, func(r Refusal) int64 { return r.Rejects }, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(a.Stage, b.Stage), cmp.Compare(a.Code, b.Code), cmp.Compare(a.DSN, b.DSN))
	})
	for i := range kept {
		kept[i].Meaning = Meaning(kept[i].DSN)
	}
	return Refusals{Entries: kept, Others: others + rest}
}

// leaders returns the top of a list, most first, and what the rest of it counts.
func leaders[T any](list []T, top int, count func(T) int64, byName func(a, b T) int) (kept []T, rest int64) {
	slices.SortFunc(list, func(a, b T) int { return cmp.Or(cmp.Compare(count(b), count(a)), byName(a, b)) })
	for _, x := range list[min(top, len(list)):] {
		rest = plus(rest, count(x))
	}
	return append([]T{}, list[:min(top, len(list))]...), rest
}

func compareRelays(a, b Relay) int {
	if a.Host != b.Host {
		return map[bool]int{true: -1, false: 1}[a.Host]
	}
	return cmp.Compare(a.Name, b.Name)
}

func compareClients(a, b string) int {
	x, xErr := netip.ParseAddr(a)
	y, yErr := netip.ParseAddr(b)
	switch {
	case xErr != nil && yErr != nil:
		return cmp.Compare(a, b)
	case xErr != nil:
		return -1
	case yErr != nil:
		return 1
	}
	p, q := x.As16(), y.As16()
	return slices.Compare(p[:], q[:])
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// plus adds what is not negative, and stops at the largest number.
func plus(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}

// Micros is a sum of seconds in whole microseconds, which have no order of addition.
func Micros(seconds float64) int64 {
	us := math.Round(seconds * 1e6)
	if us >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(us)
}

// Mean is the mean of n times whose sum is in microseconds, in seconds; 0 of none.
func Mean(micros, n int64) float64 {
	if n == 0 {
		return 0
	}
	return float64(micros) / 1e6 / float64(n)
}
