package idle

import (
	"math"
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	t.Parallel()
	var m meter
	if got := m.rate(time.Second); got != 0 {
		t.Errorf("%v before anything came", got)
	}
	for i := range 400 { // 1 kB every 10 ms for 2 s, then 3 kB
		total := int64(i) * 1000
		if i > 200 {
			total = 200_000 + int64(i-200)*3000
		}
		m.add(time.Duration(i)*10*time.Millisecond, total, 5*time.Millisecond)
	}
	if got := m.rate(100 * time.Millisecond); math.Abs(got-300_000) > 1 {
		t.Errorf("%v bytes per second, want 300000", got)
	}
	if got := m.rate(time.Hour); got != 0 {
		t.Errorf("%v over a time that is not remembered, want 0", got)
	}
}

func TestMeterKeepsItsGrain(t *testing.T) {
	t.Parallel()
	var m meter
	for i := range 1000 {
		m.add(time.Duration(i)*time.Millisecond, int64(i), 10*time.Millisecond)
	}
	if got := m.rate(600 * time.Millisecond); math.Abs(got-1000) > 1 {
		t.Errorf("%v bytes per second over more than the marks' own span, want 1000", got)
	}
}

func TestDecay(t *testing.T) {
	t.Parallel()
	if got := decay(100, 2*capacityHalfLife, capacityHalfLife); math.Abs(got-25) > 1e-9 {
		t.Errorf("%v after two half-lives, want 25", got)
	}
}
