package idle

import (
	"testing"
	"time"
)

func TestDelayIsTheLowestOfARound(t *testing.T) {
	t.Parallel()
	var d delays
	if _, ok := d.low(0, ms(20)); ok {
		t.Error("known before anything was measured")
	}
	for i, delay := range []time.Duration{ms(1), ms(9), ms(4), ms(12), ms(6)} {
		d.add(time.Duration(i)*10*time.Millisecond, delay, false)
	}
	for _, test := range []struct{ span, low, high time.Duration }{
		{0, ms(6), ms(6)}, // two values at least
		{ms(20), ms(4), ms(12)},
		{ms(100), ms(1), ms(12)},
	} {
		low, _ := d.low(ms(40), test.span)
		if high := d.high(ms(40), test.span); low != test.low || high != test.high {
			t.Errorf("over %s: %s to %s, want %s to %s", test.span, low, high, test.low, test.high)
		}
	}
}

func TestNoiseIsLearnedAndBounded(t *testing.T) {
	t.Parallel()
	var quiet, radio, wild delays
	for i := range 2000 {
		now := time.Duration(i) * 10 * time.Millisecond
		quiet.add(now, ms(3+i%2), true) // the grain of timestamps
		radio.add(now, ms(3*(i%2)), true)
		wild.add(now, ms(500*(i%2)), true)
	}
	if got := quiet.margin(); got != 0 {
		t.Errorf("a margin of %s for the grain of timestamps", got)
	}
	if got := radio.margin(); got < ms(4) || got > ms(8) {
		t.Errorf("a margin of %s for jitter of 3 ms", got)
	}
	if got := wild.margin(); got != maxNoise {
		t.Errorf("a margin of %s, want the most, %s", got, maxNoise)
	}
	if got := radio.cleared(ms(3)); got != 0 {
		t.Errorf("%s is left of a delay that is all noise", got)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	var d delays
	for i := range len(d.recent) - 1 {
		d.add(time.Duration(i), ms(50*(i%4/3)), false) // every fourth packet was paced
	}
	if _, ok := d.median(); ok {
		t.Error("known before there are enough")
	}
	d.add(ms(1), ms(50), false)
	if got, ok := d.median(); !ok || got != 0 {
		t.Errorf("%s, %t, want 0", got, ok)
	}
}
