package idle

import (
	"testing"
	"time"
)

// rates is the rate of each of the machine's downloads from one time to another, as parts of the line.
func rates(h *host, from, to time.Duration) []float64 {
	h.net.runUntil(from)
	before := make([]int64, len(h.conns))
	for i, c := range h.conns {
		before[i] = c.flow.received()
	}
	h.net.runUntil(to)
	parts := make([]float64, len(h.conns))
	for i, c := range h.conns {
		parts[i] = float64(c.flow.received()-before[i]) / (to - from).Seconds() / h.net.spec.payload()
	}
	return parts
}

func sum(parts []float64) (total float64) {
	for _, p := range parts {
		total += p
	}
	return total
}

func within(got, want, part float64) bool { return got > want*(1-part) && got < want*(1+part) }

func TestWeights(t *testing.T) {
	t.Parallel()
	n := newNetwork(mbit(20, 100, 20), 1)
	h := n.addHost(1, 0)
	for i, weight := range []int{4, 2, 1} {
		c := h.download("cubic", 0)
		c.weight = weight
		c.flow.extra = ms(20 * i) // the rate follows the weight, not the window
	}
	got := rates(h, 4*time.Second, 24*time.Second)
	for i, want := range []float64{4.0 / 7, 2.0 / 7, 1.0 / 7} {
		if !within(got[i], want, 0.1) {
			t.Errorf("download %d has %.3f of the line, want %.3f", i, got[i], want)
		}
	}
	h.conns[0].weight, h.conns[2].weight = 1, 4
	got = rates(h, 25*time.Second, 30*time.Second)
	for i, want := range []float64{1.0 / 7, 2.0 / 7, 4.0 / 7} {
		if !within(got[i], want, 0.1) {
			t.Errorf("a second after the change, download %d has %.3f of the line, want %.3f", i, got[i], want)
		}
	}
}

func TestUnusedShareGoesToTheOthers(t *testing.T) {
	t.Parallel()
	n := newNetwork(mbit(20, 100, 20), 1)
	h := n.addHost(1, 0)
	slow, fast := h.download("cubic", 0), h.download("cubic", 0)
	supply(n, slow.flow, ms(20), 2) // 100 packets a second of 1650
	got := rates(h, 4*time.Second, 20*time.Second)
	if !within(got[0], 0.06, 0.15) || sum(got) < 0.96 {
		t.Errorf("the slow server has %.3f of the line and all %.3f, want 0.06 and 0.96", got[0], sum(got))
	}
	_ = fast
}

// supply has the flow's program write packets every period, instead of all at once.
func supply(n *network, f *flow, period time.Duration, packets int64) {
	f.sender.supply = 0
	n.every(period, func() {
		f.sender.supply += packets
		f.sender.pump()
	})
}

func TestManyConnectionsAreNoMoreAggressiveThanOne(t *testing.T) {
	t.Parallel()
	solo := newNetwork(mbit(20, 100, 20), 1)
	reference := solo.addFlow("cubic", 8*time.Second)
	solo.runUntil(28 * time.Second)

	n := newNetwork(mbit(20, 100, 20), 1)
	h := n.addHost(1, 0)
	for range 64 {
		h.download("cubic", 0)
	}
	f := n.addFlow("cubic", 8*time.Second)
	alone := rates(h, 4*time.Second, 8*time.Second)
	if sum(alone) < 0.93 {
		t.Errorf("64 connections take %.3f of the line alone, want 0.93", sum(alone))
	}
	n.runUntil(28 * time.Second)
	if keeps := float64(f.received()) / float64(reference.received()); keeps < 0.95 {
		t.Errorf("the foreground keeps %.3f beside 64 connections, want 0.95", keeps)
	}
	f.sender.supply = f.sender.next
	after := rates(h, 36*time.Second, 56*time.Second)
	if sum(after) < 0.93 {
		t.Errorf("64 connections take %.3f of the line afterwards, want 0.93", sum(after))
	}
	for i, part := range after {
		if part < 0.2/64 {
			t.Errorf("connection %d starves with %.4f of the line", i, part)
		}
	}
}

func TestRouteChange(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		stalls stalling
		least  float64
	}{{"", 0.95}, {stallsWire, 0.9}, {stallsLine, 0.9}, {stallsHost, 0.9}} {
		t.Run(string(test.stalls), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				spec := mbit(20, 100, 20)
				spec.stalls = test.stalls
				n := newNetwork(spec, seed+1)
				h := n.addHost(seed+1, 0)
				h.download("cubic", 0)
				n.runUntil(5 * time.Second)
				n.spec.base = ms(40)
				if got := sum(rates(h, 25*time.Second, 30*time.Second)); got < test.least {
					t.Errorf("20 s after the round trip doubled, %.3f of the line is used, want %.2f", got, test.least)
				}
				n.spec.base = ms(20)
				if got := sum(rates(h, 32*time.Second, 37*time.Second)); got < test.least {
					t.Errorf("2 s after the round trip halved, %.3f of the line is used, want %.2f", got, test.least)
				}
				if delay := n.line.delay(); delay > 2*delayTarget {
					t.Errorf("the queue is %s after the round trip halved", delay)
				}
			}
		})
	}
}

func TestServerSendsInBursts(t *testing.T) {
	t.Parallel()
	n := newNetwork(mbit(20, 100, 20), 1)
	h := n.addHost(1, 0)
	c := h.download("cubic", 0)
	supply(n, c.flow, ms(250), 200) // 800 packets a second of 1650: half of the line, in bursts
	got := sum(rates(h, 3*time.Second, 23*time.Second))
	if want := 800.0 * simMSS / n.spec.payload(); !within(got, want, 0.1) {
		t.Errorf("a server of bursts gets %.3f of the line, want %.3f", got, want)
	}
}

func TestStalledServer(t *testing.T) {
	t.Parallel()
	n := newNetwork(mbit(20, 100, 20), 1)
	h := n.addHost(1, 0)
	c := h.download("cubic", 0)
	for _, second := range []int{5, 15, 25} {
		at := time.Duration(second) * time.Second
		n.runUntil(at)
		c.flow.sender.supply = c.flow.sender.next
		n.runUntil(at + 6*time.Second)
		c.flow.sender.supply = endless
		c.flow.sender.pump()
		if got := sum(rates(h, at+8*time.Second, at+10*time.Second)); got < 0.9 {
			t.Errorf("two seconds after a stall, %.3f of the line is used, want 0.9", got)
		}
	}
}

func TestHostTrafficIsMadeWayFor(t *testing.T) {
	t.Parallel()
	line := lineSpec{rate: 20e6, buffer: ms(200), base: ms(20), codel: true, fq: true} // delay says nothing here
	n := newNetwork(line, 1)
	h := n.addHost(1, 0)
	h.download("cubic", 0)
	f := n.addFlow("cubic", 5*time.Second)
	h.others = f.received
	n.runUntil(5 * time.Second)
	n.runUntil(ms(5500))
	if s := h.control.Status(); s.State != Yielding || s.Signal != HostSignal {
		t.Errorf("half a second after the machine's other traffic began: %s because of %s", s.State, s.Signal)
	}
	if got := sum(rates(h, ms(5500), 20*time.Second)); got > 0.03 {
		t.Errorf("%.3f of the line beside the machine's own traffic, want 0.03 at most", got)
	}
	f.sender.supply = f.sender.next
	if got := sum(rates(h, 23*time.Second, 25*time.Second)); got < 0.9 {
		t.Errorf("%.3f of the line three seconds after the machine's traffic ended, want 0.9", got)
	}
}

func TestHostTrafficOfAFasterLineIsElsewhere(t *testing.T) {
	t.Parallel()
	n := newNetwork(mbit(20, 100, 20), 1)
	h := n.addHost(1, 0)
	h.download("cubic", 0)
	h.others = func() int64 { return int64(max(n.now-5*time.Second, 0).Seconds() * 100e6) } // a backup next door
	if got := sum(rates(h, 6*time.Second, 16*time.Second)); got < 0.95 {
		t.Errorf("%.3f of the line beside traffic that is not on it, want 0.95", got)
	}
}

func TestHeldTransferIsNoSignOfThePath(t *testing.T) {
	t.Parallel()
	n := newNetwork(mbit(20, 100, 20), 1)
	h := n.addHost(1, 0)
	c := h.download("cubic", 0)
	n.runUntil(4 * time.Second)
	c.held = true
	c.flow.sender.supply = c.flow.sender.next
	supplied := c.flow.sender.next
	n.every(ms(10), func() {
		supplied += 4
		c.flow.sender.supply = supplied
		c.flow.sender.pump()
	})
	if got := sum(rates(h, 6*time.Second, 16*time.Second)); !within(got, 400.0*simMSS/n.spec.payload(), 0.05) {
		t.Errorf("a transfer limited to 0.24 of the line gets %.3f", got)
	}
}

func TestAddedDelayIsSmall(t *testing.T) {
	t.Parallel()
	n := newNetwork(mbit(100, 100, 20), 1)
	h := n.addHost(1, 0)
	h.download("cubic", 0)
	n.runUntil(2 * time.Second)
	var worst, total time.Duration
	var count int
	n.every(ms(5), func() {
		d := n.line.delay()
		worst, total, count = max(worst, d), total+d, count+1
	})
	n.runUntil(17 * time.Second)
	if mean := total / time.Duration(count); mean > ms(5) || worst > ms(15) {
		t.Errorf("the queue is %s on average and %s at worst, want 5 ms and 15 ms", mean, worst)
	}
}

// A person's evening: now and then something small is fetched. It keeps its speed, and the background most of what is left.
func TestSmallTransfersOfOthers(t *testing.T) {
	t.Parallel()
	finish := func(background bool) (time.Duration, float64) {
		n := newNetwork(mbit(20, 100, 20), 1)
		h := n.addHost(1, 0)
		if background {
			h.download("cubic", 0)
		}
		var took time.Duration
		for i := range 12 {
			at := time.Duration(4+3*i) * time.Second
			n.runUntil(at)
			f := n.addFlow("cubic", at)
			f.sender.supply = 150 // 217 kB
			for f.receiver.next < 150 && n.now < at+3*time.Second {
				n.runUntil(n.now + ms(5))
			}
			took += n.now - at
		}
		n.runUntil(40 * time.Second)
		return took / 12, float64(h.received()) / 40 / n.spec.payload()
	}
	without, _ := finish(false)
	with, used := finish(true)
	if with > without+ms(80) {
		t.Errorf("217 kB take %s beside the background and %s without", with, without)
	}
	if used < 0.8 {
		t.Errorf("the background used %.3f of the line", used)
	}
}

func TestSteadyStateIsCheap(t *testing.T) {
	t.Parallel()
	n := newNetwork(mbit(20, 100, 20), 1)
	h := n.addHost(1, 0)
	h.download("cubic", 0)
	n.runUntil(4 * time.Second)
	before := h.steps
	n.runUntil(14 * time.Second)
	if steps := float64(h.steps-before) / 10; steps > 110 {
		t.Errorf("%.0f steps a second", steps)
	}
}
