package bench

import (
	"os"
	"strconv"
	"strings"
)

// ticks are what all cores of this machine have done since it started.
type ticks struct{ busy, all uint64 }

// machineTicks reads them from /proc/stat; zeros where there is none.
func machineTicks() ticks {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return ticks{}
	}
	line, _, _ := strings.Cut(string(b), "\n")
	return ticksOf(line)
}

// ticksOf reads the line of all cores: user, nice, system, idle, waiting for a disk, interrupts twice, stolen; guests are in user already.
func ticksOf(line string) (t ticks) {
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return ticks{}
	}
	for i, field := range fields[1:9] {
		n, err := strconv.ParseUint(field, 10, 64)
		if err != nil {
			return ticks{}
		}
		t.all += n
		if i != 3 && i != 4 {
			t.busy += n
		}
	}
	return t
}

// since is the part of the time in which the cores were busy, from 0 to 1.
func (t ticks) since(before ticks) float64 {
	if t.all <= before.all {
		return 0
	}
	return float64(t.busy-before.busy) / float64(t.all-before.all)
}
