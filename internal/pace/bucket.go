package pace

import "time"

const (
	// maxGrant keeps turns short, so that a fast job never holds up a slow one.
	maxGrant = 16 << 10
	// maxBurst keeps the largest level (in nanobytes) far from overflow.
	maxBurst = 1 << 30
	// grantsPerSecond makes grants of slow rates smaller than maxGrant, so that
	// a trickle flows evenly and not in lumps that look like stalls.
	grantsPerSecond = 8

	nano = int64(time.Second) // nanobytes in a byte
)

// A bucket holds the bytes that a node may grant at once. Its level is kept in
// nanobytes (1e-9 bytes): a rate in bytes per second times a time in
// nanoseconds is then exact, and no rounding ever adds up.
type bucket struct {
	level int64         // nanobytes, at time at
	at    time.Duration // since the start of the tree
}

// burst returns the largest level of a bucket with that rate, in bytes.
func burst(rate int64) int64 {
	return min(max(rate/10, maxGrant), maxBurst)
}

// quantum returns the largest grant at that rate, in bytes.
func quantum(rate int64) int64 {
	return min(max(rate/grantsPerSecond, 1), maxGrant)
}

// fill lets the bytes flow in that came since the last call.
func (b *bucket) fill(rate int64, now time.Duration) {
	full := burst(rate) * nano
	elapsed := int64(now - b.at)
	b.at = now
	if elapsed > (full-b.level)/rate {
		b.level = full
		return
	}
	b.level += elapsed * rate
}

// until returns how long it takes from the last fill until size bytes are there.
func (b *bucket) until(rate, size int64) time.Duration {
	lacks := size*nano - b.level
	if lacks <= 0 {
		return 0
	}
	return time.Duration((lacks + rate - 1) / rate)
}

// take removes size bytes, and put adds them: what is too much then, fill takes away.
func (b *bucket) take(size int64) { b.level -= size * nano }
func (b *bucket) put(size int64)  { b.level += size * nano }

// setRate keeps what had come by now at the old rate, as far as the new burst
// allows. A bucket that becomes limited starts empty.
func (b *bucket) setRate(old, rate int64, now time.Duration) {
	if old > 0 {
		b.fill(old, now)
	}
	b.at = now
	if old == 0 || rate == 0 {
		b.level = 0
		return
	}
	b.level = min(b.level, burst(rate)*nano)
}
