package idle

import (
	"testing"
	"time"
)

// probing is a machine whose controller knows of the path what probes tell, and of the connections what they brought.
type probing struct{ *host }

func (n *network) addProbing(seed uint64) probing {
	p := probing{&host{net: n, control: NewController(seed)}}
	n.every(probePeriod, p.probe)
	return p
}

// probe measures the round trip of a connect, whose answer waits in the queue.
func (p probing) probe() {
	n := p.net
	n.at(n.now+n.spec.base/2, func() {
		wait := n.line.delay() + n.line.jitter()
		n.at(n.now+wait+n.spec.base/2, func() { p.step(n.spec.base + wait) })
	})
}

func (p probing) step(rtt time.Duration) {
	samples := make([]Sample, len(p.conns))
	for i, c := range p.conns {
		samples[i] = Sample{ID: c.id, Weight: c.weight, RTT: rtt, Probed: true, Received: c.flow.receiver.next * simMSS}
	}
	windows, _ := p.control.Step(p.net.now, samples, Surroundings{Others: -1})
	for i, c := range p.conns {
		c.flow.receiver.offer(windows[i])
	}
}

// share lets time pass, and returns what part of the line the machine had in it.
func (p probing) share(span time.Duration) float64 {
	before := p.received()
	p.net.runUntil(p.net.now + span)
	return float64(p.received()-before) / span.Seconds() / p.net.spec.payload()
}

// TestProbesAreEnough: the controller keeps its manners with four round trips a second.
func TestProbesAreEnough(t *testing.T) {
	t.Parallel()
	const second = time.Second
	for _, test := range []struct {
		line               lineSpec
		server, foreground string
		alone, keeps       float64
	}{
		{mbit(20, 50, 20), "cubic", "cubic", 0.98, 0.96},
		{mbit(20, 200, 20), "cubic", "bbr", 0.98, 0.96},
		{mbit(20, 100, 20), "bbr", "cubic", 0.98, 0.96},
		{mbit(20, 100, 1), "cubic", "cubic", 0.98, 0.96},
		{mbit(20, 100, 100), "cubic", "cubic", 0.85, 0.95},
		{mbit(5, 200, 30), "cubic", "cubic", 0.9, 0.95},
		{mbit(100, 100, 20), "cubic", "cubic", 0.98, 0.96},
		{lineSpec{rate: 20e6, buffer: ms(100), base: ms(20), jitter: ms(2)}, "cubic", "cubic", 0.95, 0.95},
	} {
		if racing && test.line.rate > 50e6 {
			continue
		}
		t.Run(lineName(test.line)+"-"+test.server+"-"+test.foreground, func(t *testing.T) {
			t.Parallel()
			solo := newNetwork(test.line, 1)
			reference := solo.addFlow(test.foreground, 0)
			solo.runUntil(20 * second)

			n := newNetwork(test.line, 1)
			p := n.addProbing(1)
			p.download(test.server, 0)
			p.download(test.server, 0)
			n.runUntil(2 * second)
			if got := p.share(18 * second); got < test.alone {
				t.Errorf("alone it has %.3f of the line, want at least %.2f", got, test.alone)
			}
			f := n.addFlow(test.foreground, n.now)
			n.runUntil(n.now + 2*second)
			if got := p.share(second); got > 0.1 {
				t.Errorf("2 s after somebody else has come it has %.3f of the line, want at most 0.1", got)
			}
			n.runUntil(n.now + 17*second)
			if got := float64(f.received()) / float64(reference.received()); got < test.keeps {
				t.Errorf("the foreground keeps %.3f, want at least %.2f", got, test.keeps)
			}
			f.sender.supply = f.sender.next
			n.runUntil(n.now + 4*second)
			if got := p.share(second); got < 0.8 {
				t.Errorf("4 s after the foreground's end it has %.3f of the line, want at least 0.8", got)
			}
		})
	}
}
