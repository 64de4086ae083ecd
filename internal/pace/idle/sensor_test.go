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
	after.received, after.segments, after.data, after.disorder = after.received+4*1448, 2, 3, 4 // the 32-bit counters have begun anew
	came := s.take(ms(5), after, &sample)
	if want := int64(4*1448 + 5*headers); came != want || sample.Received != 4*1448 || sample.Disorder != 5 || sample.MSS != 1448 {
		t.Errorf("%d bytes, %+v; want %d bytes, 5792 received, 5 out of order", came, sample, want)
	}
}

func TestArrivalsBehindAHole(t *testing.T) {
	t.Parallel()
	var s sensor
	var sample Sample
	var r reading
	r.mss = 1000
	total := int64(0)
	for i, test := range []struct {
		name           string
		data, disorder uint32
		received       int64 // all of the packet before
		want           int64
	}{
		{"begin", 0, 0, 0, 0},
		{"in order", 10, 0, 10_000, 10_000},
		{"two in order, six behind a hole", 8, 6, 2_000, 18_000},
		{"more behind it", 10, 10, 0, 28_000},
		{"the hole is filled", 1, 0, 17_000, 29_000},
		{"in order again", 10, 0, 10_000, 39_000},
		{"two holes, five behind each", 10, 10, 0, 49_000},
		{"the first is filled", 1, 0, 6_000, 50_000},
		{"and the second", 1, 0, 6_000, 51_000},
		{"another hole, and what comes behind it comes twice", 10, 10, 0, 61_000},
		{"it is filled", 1, 0, 6_000, 62_000},
		{"what came twice is made up for: in order", 3, 0, 3_000, 62_000},
		{"and again", 10, 0, 10_000, 70_000},
		{"what comes twice without a hole does not count", 10, 0, 0, 70_000},
	} {
		total += test.received
		r.data, r.disorder, r.received = r.data+test.data, r.disorder+test.disorder, total
		came := s.take(ms(10*i), r, &sample)
		if sample.Received != test.want || came != int64(1000*test.data) {
			t.Errorf("%s: %d have arrived and %d came, want %d and %d", test.name, sample.Received, came, test.want, 1000*test.data)
		}
	}
}
