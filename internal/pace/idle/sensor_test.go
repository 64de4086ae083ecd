package idle

import (
	"testing"
	"time"
)

func TestRTT(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		before  time.Duration
		now     time.Duration
		packets uint32
		unread  int
		want    time.Duration
	}{
		{"the first", 0, ms(20), 3, 0, ms(20)},
		{"no packet", ms(20), ms(20), 0, 0, 0},
		{"nothing new", ms(20), ms(20), 4, 0, ms(20)},
		{"none is taken while data wait", ms(20), ms(20), 4, 5000, 0},
		{"no time stamps", 0, 0, 9, 0, 0},
		{"one sample upwards: undone in full", ms(20), ms(30), 1, 0, ms(100)},
		{"many samples upwards: five, one in each tick of the stamps", 20_000 * time.Microsecond, 29_742 * time.Microsecond, 60, 0, ms(40)},
		{"downwards the kernel does not filter", ms(100), ms(20), 5, 0, ms(20)},
	} {
		s := sensor{begun: true, last: reading{rtt: test.before}}
		got := s.rtt(ms(5), reading{rtt: test.now, data: test.packets, unread: test.unread})
		if d := got - test.want; d < -100*time.Microsecond || d > 100*time.Microsecond {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestTakeCountsFromTheBeginning(t *testing.T) {
	t.Parallel()
	var s sensor
	sample := Sample{ID: 7}
	before := reading{received: 1 << 40, segments: 1<<32 - 3, disorder: 1<<32 - 1, mss: 1448}
	if came := s.take(0, before, &sample); came != 0 || sample.Received != 0 || sample.Disorder != 0 {
		t.Errorf("what came before the beginning counts: %d bytes, %+v", came, sample)
	}
	after := before
	after.received, after.segments, after.disorder = after.received+4000, 2, 4 // both 32-bit counters have begun anew
	came := s.take(ms(5), after, &sample)
	if want := int64(4000 + 5*headers); came != want || sample.Received != 4000 || sample.Disorder != 5 || sample.MSS != 1448 {
		t.Errorf("%d bytes, %+v; want %d bytes, 4000 received, 5 out of order", came, sample, want)
	}
}
