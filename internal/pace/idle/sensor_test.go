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
		lot     int
		unread  int
		want    time.Duration
	}{
		{"the first", 0, ms(20), 3, 1, 0, ms(20)},
		{"no packet", ms(20), ms(20), 0, 1, 0, 0},
		{"nothing new", ms(20), ms(20), 4, 1, 0, ms(20)},
		{"none is taken while data wait", ms(20), ms(20), 4, 1, 5000, 0},
		{"a part of a lot always waits", ms(20), ms(20), 4, 4, 3000, ms(20)},
		{"a lot waits", ms(20), ms(20), 8, 4, 5000, 0},
		{"no time stamps", 0, 0, 9, 1, 0, 0},
		{"one sample upwards: undone in full", ms(20), ms(30), 1, 1, 0, ms(100)},
		{"many samples upwards: five, one in each tick of the stamps", 20_000 * time.Microsecond, 29_742 * time.Microsecond, 60, 1, 0, ms(40)},
		{"one in each lot: one and a quarter", 20_000 * time.Microsecond, 23_075 * time.Microsecond, 60, 4, 0, ms(40)},
		{"downwards the kernel does not filter", ms(100), ms(20), 5, 1, 0, ms(20)},
	} {
		s := sensor{begun: true, last: reading{rtt: test.before}, lot: test.lot}
		got := s.rtt(ms(5), reading{stamped: true, rtt: test.now, mss: 1000, data: test.packets, unread: test.unread})
		if d := got - test.want; d < -100*time.Microsecond || d > 100*time.Microsecond {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestLot(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name            string
		packets         uint32 // in ten milliseconds
		window          int64  // in packets
		unread, silence int    // packets, milliseconds
		want            int
	}{
		{"nothing comes", 0, 100, 0, 10, 1},
		{"a packet now and then", 3, 100, 0, 0, 1},
		{"three in two milliseconds", 16, 100, 0, 0, 3},
		{"more than are to wait", 80, 100, 0, 0, 4},
		{"an eighth of the window is two packets", 80, 20, 0, 0, 2},
		{"a window of a packet", 80, 1, 0, 0, 1},
		{"a part of a lot is followed by nothing", 80, 100, 3, 4, 1},
		{"all was read before nothing came", 80, 100, 0, 4, 4},
	} {
		s := sensor{begun: true, last: reading{data: 1<<32 - 5}, lot: 1}
		r := reading{mss: 1000, data: test.packets - 5, unread: 1000 * test.unread, silence: ms(test.silence)}
		if got := s.nextLot(ms(10), r, 1000*test.window); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
	var fresh sensor
	if got := fresh.nextLot(ms(10), reading{mss: 1000, data: 100}, 1e6); got != 1 {
		t.Errorf("at the first look: %d, want 1", got)
	}
}

func TestGuess(t *testing.T) {
	t.Parallel()
	var s sensor
	var sample Sample
	received := int64(0)
	take := func(now, bytes, silence, window int, held bool) time.Duration {
		received += int64(bytes)
		sample.Held = held
		s.take(ms(now), reading{received: received, window: window, silence: ms(silence), mss: 1000}, &sample)
		return sample.RTT
	}
	for _, test := range []struct { // a packet has 1000 bytes, and the window is of ten and a half
		name                       string
		now, bytes, silence, wants int
		held                       bool
	}{
		{"nothing has come", 0, 0, 0, 0, false},
		{"the first packets begin a window", 10, 2000, 4, 0, false}, // at 6
		{"half of it", 20, 5000, 0, 0, false},
		{"silence", 30, 0, 10, 0, false},
		{"the whole, and the next one begins", 40, 5000, 4, 30, false}, // at 36
		{"more than a window: half of it took its time", 60, 20000, 4, 12, false},
		{"the reader stops", 70, 9000, 0, 0, true},
		{"which began no window", 80, 20000, 0, 0, false},
		{"but this did", 100, 10000, 0, 20, false},
	} {
		if got := take(test.now, test.bytes, test.silence, 10500, test.held); got != ms(test.wants) {
			t.Errorf("%s: %v, want %d ms", test.name, got, test.wants)
		}
	}
}

func TestTakeCountsFromTheBeginning(t *testing.T) {
	t.Parallel()
	var s sensor
	sample := Sample{ID: 7}
	before := reading{received: 1 << 40, segments: 1<<32 - 3, data: 1<<32 - 1, disorder: 1<<32 - 1, mss: 1448}
	if came := s.take(0, before, &sample); came != 0 || sample.Received != 0 || sample.Disorder != 0 {
		t.Errorf("what came before the beginning counts: %d bytes, %+v", came, sample)
	}
	after := before
	after.received, after.segments, after.data, after.disorder = after.received+4000, 2, 3, 4 // the 32-bit counters have begun anew
	came := s.take(ms(5), after, &sample)
	if want := int64(4*1448 + 5*headers); came != want || sample.Received != 4000 || sample.Disorder != 5 || sample.MSS != 1448 {
		t.Errorf("%d bytes, %+v; want %d bytes, 4000 received, 5 out of order", came, sample, want)
	}
	behind := after
	behind.segments, behind.data = 4, 5 // two packets behind a lost one
	if came, want := s.take(ms(10), behind, &sample), int64(2*1448+2*headers); came != want || sample.Received != 4000 {
		t.Errorf("%d bytes behind a hole, %d received; want %d and 4000", came, sample.Received, want)
	}
}
