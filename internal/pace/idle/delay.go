package idle

import (
	"slices"
	"time"
)

const (
	// noiseHalfLife is how fast learned noise is forgotten while nothing is learned: a yield of minutes keeps it.
	noiseHalfLife = 300 * time.Second
	// noiseGain learns within a few hundred samples, some seconds.
	noiseGain = 1.0 / 128
	// noiseMargin times the mean difference is beyond what most samples reach.
	noiseMargin = 3
	// maxNoise bounds the margin.
	maxNoise = delayTarget
	// timestampGrain is the step of TCP's timestamps: differences up to it say nothing.
	timestampGrain = time.Millisecond
)

// delays is what the queue of the path adds to a round trip, one value for each step that brought a sample.
type delays struct {
	recent [32]measured
	next   int
	count  int
	noise  float64 // seconds: how far a value usually is from the one before
}

type measured struct {
	at    time.Duration
	delay time.Duration
}

func (d *delays) add(now, delay time.Duration, learn bool) {
	if learn && d.count > 0 {
		step := (delay - d.back(0).delay).Abs() - timestampGrain
		d.noise += (max(step, 0).Seconds() - d.noise) * noiseGain
	}
	d.recent[d.next] = measured{now, delay}
	d.next = (d.next + 1) % len(d.recent)
	d.count = min(d.count+1, len(d.recent))
}

func (d *delays) back(i int) measured { return d.recent[(d.next-1-i+2*len(d.recent))%len(d.recent)] }

// low is the least delay of the last span, of two values at least, without noise: jitter only adds, and a queue that stands is in
// all of them.
func (d *delays) low(now, span time.Duration) (time.Duration, bool) {
	if d.count == 0 {
		return 0, false
	}
	least := d.back(0).delay
	for i := 1; i < d.count && (i < 2 || now-d.back(i).at <= span); i++ {
		least = min(least, d.back(i).delay)
	}
	return d.cleared(least), true
}

// high is the largest delay of the last span, of one value at least, without noise.
func (d *delays) high(now, span time.Duration) time.Duration {
	var most time.Duration
	for i := 0; i < d.count && (i < 1 || now-d.back(i).at <= span); i++ {
		most = max(most, d.back(i).delay)
	}
	return d.cleared(most)
}

// median is the middle one of all delays that are remembered, without noise; not known before there are as many as there can be.
func (d *delays) median() (time.Duration, bool) {
	if d.count < len(d.recent) {
		return 0, false
	}
	var sorted [len(d.recent)]time.Duration
	for i, m := range d.recent {
		sorted[i] = m.delay
	}
	slices.Sort(sorted[:])
	return d.cleared(sorted[len(sorted)/2]), true
}

// margin is what of a delay may be noise: bounded, so that a loud hour never makes us deaf.
func (d *delays) margin() time.Duration {
	return min(time.Duration(noiseMargin*d.noise*float64(time.Second)), maxNoise)
}

// cleared is a delay without what may be noise.
func (d *delays) cleared(delay time.Duration) time.Duration { return max(delay-d.margin(), 0) }
