package idle

import (
	"math/rand/v2"
	"testing"
	"time"
)

// evening is what a household does on its line, as in bench/idle: greedy flows that come and go at random, a page every seven seconds,
// and a small request ten times a second.
type evening struct {
	net    *network
	host   *host // nil for an evening without a background
	greedy []*flow
}

func newEvening(spec lineSpec, seed uint64, length time.Duration, background bool) *evening {
	e := &evening{net: newNetwork(spec, seed)}
	if background {
		e.host = e.net.addHost(seed, 0)
		e.host.download("cubic", 0)
	}
	e.visit(rand.New(rand.NewPCG(seed, 3)), length)
	e.net.every(7*time.Second, func() { e.net.load() })
	e.net.every(ms(100), func() { e.net.addFlow("cubic", e.net.now+spec.base).sender.supply = 1 })
	e.net.runUntil(length)
	return e
}

// visit has greedy flows of 8 s and pauses of 8 s on average.
func (e *evening) visit(random *rand.Rand, length time.Duration) {
	draw := func() time.Duration { return time.Second + time.Duration(random.ExpFloat64()*float64(7*time.Second)) }
	for at := draw(); at < length; at += draw() {
		kind := []string{"cubic", "bbr"}[random.IntN(2)]
		e.net.at(at, func() { e.greedy = append(e.greedy, e.net.addFlow(kind, e.net.now+e.net.spec.base)) })
		at += draw()
		e.net.at(at, func() {
			f := e.greedy[len(e.greedy)-1]
			f.sender.supply = f.sender.next
		})
	}
}

// had is the payload that the greedy flows and all of the household got.
func (e *evening) had() (greedy, all float64) {
	for _, f := range e.greedy {
		greedy += float64(f.received())
	}
	for _, f := range e.net.flows {
		all += float64(f.received())
	}
	if e.host != nil {
		all -= float64(e.host.received())
	}
	return greedy, all
}

func TestEvening(t *testing.T) {
	t.Parallel()
	const length = 3 * time.Minute
	for _, test := range []struct {
		stalls stalling
		uses   float64
	}{
		{"", 0.85},
		{stallsHost, 0.85},
		{stallsWire, 0.8}, // they take from the line as well
		{stallsLine, 0.8},
	} {
		if racing && test.stalls != "" {
			continue
		}
		spec := mbit(20, 100, 20)
		spec.stalls = test.stalls
		without, with := newEvening(spec, 1, length, false), newEvening(spec, 1, length, true)
		alone, all := without.had()
		beside, _ := with.had()
		if keeps := beside / alone; keeps < 0.97 {
			t.Errorf("stalls %q: the greedy flows keep %.3f, want 0.97", test.stalls, keeps)
		}
		left := spec.payload()*length.Seconds() - all
		if uses := float64(with.host.received()) / left; uses < test.uses {
			t.Errorf("stalls %q: the background uses %.3f of what is left, want %.2f", test.stalls, uses, test.uses)
		}
	}
}
