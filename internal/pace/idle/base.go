package idle

import "time"

// The history of round trips: ten buckets of a minute, as LEDBAT keeps them (RFC 6817 section 2.4.2), so that a base that was
// true an hour ago does not make a longer route look like a queue forever.
const (
	baseBuckets = 10
	baseBucket  = time.Minute
)

// base is the shortest round trip of a connection in the last ten minutes: the path without a queue.
type base struct {
	buckets [baseBuckets]time.Duration // 0 where nothing was measured
	minute  int64
}

// add takes a round trip of now, or moves the history on when rtt is 0.
func (b *base) add(now, rtt time.Duration) {
	minute := int64(now / baseBucket)
	for ; b.minute < minute-baseBuckets; b.minute = minute - baseBuckets {
		clear(b.buckets[:])
	}
	for b.minute < minute {
		b.minute++
		b.buckets[b.minute%baseBuckets] = 0
	}
	slot := &b.buckets[minute%baseBuckets]
	if rtt > 0 && (*slot == 0 || rtt < *slot) {
		*slot = rtt
	}
}

// min is 0 when nothing is known.
func (b *base) min() time.Duration {
	var least time.Duration
	for _, rtt := range b.buckets {
		if rtt > 0 && (least == 0 || rtt < least) {
			least = rtt
		}
	}
	return least
}

// restart forgets the history: the route is another one.
func (b *base) restart(now, rtt time.Duration) {
	clear(b.buckets[:])
	b.minute = int64(now / baseBucket)
	b.buckets[b.minute%baseBuckets] = rtt
}
