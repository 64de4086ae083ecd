package idle

import (
	"fmt"
	"time"
)

// encounter is a background download that meets a greedy foreground flow.
type encounter struct {
	keeps   float64       // foreground's rate beside the background, of its rate alone
	yield   time.Duration // until the background is below a tenth of the line, for a second
	reclaim time.Duration // until it has four fifths of the line again
}

const (
	fgStart = 5 * time.Second
	fgEnd   = 25 * time.Second
)

// alone is the part of the line that one background download gets when nobody else is there, between 2 s and end.
func alone(spec lineSpec, seed uint64, server string, end time.Duration) float64 {
	n := newNetwork(spec, seed)
	h := n.addHost(seed, 0)
	h.download(server, 0)
	n.runUntil(2 * time.Second)
	before := h.received()
	n.runUntil(end)
	return float64(h.received()-before) / (end - 2*time.Second).Seconds() / spec.payload()
}

// meet runs a background download, from 5 s to 25 s beside a foreground flow; each names its server's congestion control.
func meet(spec lineSpec, seed uint64, server, foreground string) encounter {
	solo := newNetwork(spec, seed)
	reference := solo.addFlow(foreground, fgStart)
	solo.runUntil(fgEnd)

	n := newNetwork(spec, seed)
	h := n.addHost(seed, 0)
	h.download(server, 0)
	f := n.addFlow(foreground, fgStart)
	n.runUntil(fgStart)
	const bin = 100 * time.Millisecond
	var e encounter
	quiet := fgStart
	last := h.received()
	for n.now < fgEnd {
		n.runUntil(n.now + bin)
		if rate := float64(h.received()-last) / bin.Seconds(); rate > 0.1*spec.payload() && e.yield == 0 {
			quiet = n.now
		}
		if n.now-quiet >= time.Second && e.yield == 0 {
			e.yield = quiet - fgStart
		}
		last = h.received()
	}
	e.keeps = float64(f.received()) / float64(reference.received())
	f.sender.supply = f.sender.next
	for n.now < fgEnd+20*time.Second && e.reclaim == 0 {
		n.runUntil(n.now + bin)
		if float64(h.received()-last)/bin.Seconds() > 0.8*spec.payload() {
			e.reclaim = n.now - fgEnd
		}
		last = h.received()
	}
	return e
}

// share is what two machines with a background download each get of the line, the second of which begins late, in the 40 s from then on.
func share(spec lineSpec, seed uint64, late time.Duration) (first, second float64) {
	const span = 40 * time.Second
	n := newNetwork(spec, seed)
	a, b := n.addHost(seed, 0), n.addHost(seed+100, late)
	a.download("cubic", 0)
	b.download("cubic", late)
	n.runUntil(late)
	before := a.received()
	n.runUntil(late + span)
	all := span.Seconds() * spec.payload()
	return float64(a.received()-before) / all, float64(b.received()) / all
}

// jain is Jain's index of fairness.
func jain(shares ...float64) float64 {
	var sum, squares float64
	for _, s := range shares {
		sum += s
		squares += s * s
	}
	return sum * sum / float64(len(shares)) / squares
}

// lineName names a line as the tables do: Mbit/s, ms of buffer, ms of base round trip, and what is special.
func lineName(s lineSpec) string {
	name := fmt.Sprintf("%.0fM-%dms-%dms", s.rate/1e6, s.buffer.Milliseconds(), s.base.Milliseconds())
	if s.codel {
		name += "-codel"
	}
	if s.fq {
		name += "-fq"
	}
	if s.loss > 0 {
		name += fmt.Sprintf("-loss%g%%", 100*s.loss)
	}
	if s.jitter > 0 {
		name += fmt.Sprintf("-jitter%dms", s.jitter.Milliseconds())
	}
	if s.stalls != "" {
		name += "-stalls-" + string(s.stalls)
	}
	return name
}
