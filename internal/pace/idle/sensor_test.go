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
	if s.take(0, before, &sample); sample.Received != 0 || sample.Disorder != 0 {
		t.Errorf("what came before the beginning counts: %+v", sample)
	}
	after := before
	after.received, after.segments, after.data, after.disorder = after.received+4*1448, 2, 3, 4 // the 32-bit counters have begun anew
	s.take(ms(5), after, &sample)
	came, _ := after.since(before, false)
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
		before := r
		r.data, r.disorder, r.received = r.data+test.data, r.disorder+test.disorder, total
		s.take(ms(10*i), r, &sample)
		came, _ := r.since(before, false)
		if sample.Received != test.want || came != int64(1000*test.data) {
			t.Errorf("%s: %d have arrived and %d came, want %d and %d", test.name, sample.Received, came, test.want, 1000*test.data)
		}
	}
}

// smoothed is the filter of a sending kernel.
type smoothed float64

func (s *smoothed) add(rtt time.Duration) {
	if *s == 0 {
		*s = smoothed(rtt)
	}
	*s += (smoothed(rtt) - *s) / 8
}

func TestRoundTripsOfASender(t *testing.T) {
	t.Parallel()
	var s sensor
	var kernel smoothed
	var sample Sample
	r := reading{out: outgoing{mss: 1448, least: ms(20)}}
	for i, test := range []struct {
		name      string
		acks, rtt int
		want      int
	}{
		{"nothing is known", 0, 0, 0},
		{"the first", 1, 20, 20},
		{"the same", 8, 20, 20},
		{"a queue grows", 3, 50, 50},
		{"nothing came", 0, 0, 0},
		{"more of it", 10, 90, 90},
		{"it has gone", 4, 20, 20},
		{"and stays away", 1, 20, 20},
	} {
		for range test.acks {
			kernel.add(ms(test.rtt))
		}
		r.out.acks, r.out.rtt = r.out.acks+uint32(test.acks), time.Duration(kernel)
		s.takeOut(ms(10*i), r, &sample)
		if off := (sample.RTT - ms(test.want)).Abs(); off > 10*time.Microsecond || !sample.Probed {
			t.Errorf("%s: %v, want %d ms", test.name, sample.RTT, test.want)
		}
	}
	r.out.acks, r.out.rtt = r.out.acks+1, r.out.rtt-ms(5) // of packets that shared an acknowledgment
	if s.takeOut(ms(1000), r, &sample); sample.RTT != ms(20) {
		t.Errorf("below all that was ever measured: %v", sample.RTT)
	}
}

func TestTakeOutCountsFromTheBeginning(t *testing.T) {
	t.Parallel()
	var s sensor
	sample := Sample{ID: 7}
	before := reading{out: outgoing{sent: 5000, arrived: 4000, segments: 1<<32 - 2, again: 1<<32 - 1, mss: 1448}}
	s.takeOut(0, before, &sample)
	after := before
	after.out.sent, after.out.arrived, after.out.segments, after.out.again = 5000+10*1448, 4000+6*1448, 8, 1
	s.takeOut(ms(5), after, &sample)
	_, went := after.since(before, true)
	if want := int64(10*1448 + 10*headers); went != want || sample.Received != 6*1448 || sample.Disorder != 2 || sample.MSS != 1448 {
		t.Errorf("%d bytes, %+v; want %d bytes, 8688 arrived, 2 sent again", went, sample, want)
	}
	after.out.arrived -= 1448 // what was behind a hole is forgotten by the other end
	if s.takeOut(ms(10), after, &sample); sample.Received != 6*1448 {
		t.Errorf("%d bytes have arrived, want 8688 still", sample.Received)
	}
}

// TestSince: what an interface has carried for both ends of a connection is that of one and of the other, but for headers.
func TestSince(t *testing.T) {
	t.Parallel()
	before := reading{segments: 100, data: 90, mss: 1448, out: outgoing{segments: 50, sent: 7000}}
	after := reading{segments: 130, data: 100, mss: 1448, out: outgoing{segments: 60, sent: 17_000}}
	for _, test := range []struct {
		up      bool
		in, out int64
	}{
		{false, 10*1448 + 30*headers, 10 * headers},
		{true, 30 * headers, 10_000 + 10*headers},
	} {
		if in, out := after.since(before, test.up); in != test.in || out != test.out {
			t.Errorf("up %t: %d bytes in and %d out, want %d and %d", test.up, in, out, test.in, test.out)
		}
	}
}
