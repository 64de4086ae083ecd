package idle

import (
	"cmp"
	"slices"
	"time"
)

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

// maxRoutes bounds how many routes are remembered; who was seen longest ago is forgotten first.
const maxRoutes = 256

// routes is the bases of connections, also of those that are gone: one that begins while others fill the line cannot see the path
// without their queue.
type routes []*known

type known struct {
	route Route
	base
}

// base is what is known of the route, to be kept up to date by its connections.
func (r *routes) base(now time.Duration, route Route) *base {
	if route == (Route{}) {
		return &base{}
	}
	for _, k := range *r {
		if k.route == route {
			k.add(now, 0)
			return &k.base
		}
	}
	if len(*r) == maxRoutes {
		oldest := slices.MinFunc(*r, func(a, b *known) int { return cmp.Compare(a.minute, b.minute) })
		*r = slices.DeleteFunc(*r, func(k *known) bool { return k == oldest })
	}
	k := &known{route: route}
	k.add(now, 0)
	*r = append(*r, k)
	return &k.base
}
