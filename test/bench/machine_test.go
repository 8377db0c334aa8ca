package bench

import "testing"

func TestTicks(t *testing.T) {
	before := ticksOf("cpu  10 5 5 100 20 1 1 8 4 0")
	after := ticksOf("cpu  40 5 15 150 30 1 1 8 9 0")
	if is := after.since(before); is != 0.4 {
		t.Error("40 of 100 ticks were busy, not", is)
	}
	if is := before.since(before); is != 0 {
		t.Error(is)
	}
	if x := ticksOf("intr 1 2 3 4 5 6 7 8 9"); x != (ticks{}) {
		t.Error(x)
	}
}
