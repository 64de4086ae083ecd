//go:build linux

package main

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

const (
	mtu       = 1500
	segment   = 1448 // the data of a full packet
	wayLength = 8192 // packets on their way and in the queue: 100 Mbit/s for a second
)

// way is one direction of the forwarder: a line that hands on each packet a fixed time after it came, in order, and a
// bottleneck at its end if it is to have one.
type way struct {
	from, to int
	options  forwardOptions
	random   *rand.Rand

	free []*packet
	line []*packet // on their way, by when they are due
	last [2]int64  // when the last one from each of the server's addresses is due

	queue   discipline // nil: there is no bottleneck
	waiting int        // packets in it
	ready   int64      // when the bottleneck can send next

	extra      int64 // what the jitter adds now
	extraUntil int64
	late       [lateBuckets]int64
	began      int64 // when there was nothing yet
	behind     int64 // for how long it has been too late, in all
	caughtUp   int64 // when the last of that was over
	stats      forwarderStats
}

type packet struct {
	due    int64 // at the end of the line
	queued int64 // when it came to the bottleneck
	size   int
	data   [2048]byte
}

// late counts in steps of 10 µs, up to 20 ms.
const (
	lateStep    = 10 * time.Microsecond
	lateBuckets = 2000
	tooLate     = 5 * time.Millisecond
)

func newWay(from, to int, o forwardOptions) *way {
	w := &way{from: from, to: to, options: o, began: now(), random: rand.New(rand.NewPCG(o.Seed, 2))}
	for range wayLength {
		w.free = append(w.free, &packet{})
	}
	if o.Queue != "" {
		w.queue = newDiscipline(o.Queue, o.Room)
	}
	return w
}

// next is when there is something to do, if nothing comes.
func (w *way) next() int64 {
	at := now() + int64(time.Second)
	if len(w.line) > 0 {
		at = min(at, w.line[0].due)
	}
	if w.waiting > 0 {
		at = min(at, w.ready)
	}
	return at
}

// move takes in what has come and sends on what is due.
func (w *way) move() error {
	for {
		p := w.free[len(w.free)-1] // there is always one, for what finds no room
		n, err := unix.Read(w.from, p.data[:])
		if errors.Is(err, unix.EAGAIN) {
			return w.send()
		}
		if err != nil {
			return err
		}
		w.stats.Largest = max(w.stats.Largest, n)
		switch {
		case len(w.free) == 1:
			w.stats.Full++
		case w.options.Loss > 0 && w.random.Float64() < w.options.Loss:
			w.stats.Lost++
		default:
			p.size = n
			w.free = w.free[:len(w.free)-1]
			w.carry(p, now())
		}
		if err := w.send(); err != nil {
			return err
		}
	}
}

// carry puts a packet on the line.
func (w *way) carry(p *packet, at int64) {
	p.due = w.due(at, w.options.Far > 0 && p.fromFar())
	i := len(w.line)
	for i > 0 && w.line[i-1].due > p.due {
		i--
	}
	w.line = slices.Insert(w.line, i, p)
}

// due is when a packet that comes now shall go on: after the delay and what the jitter adds, but never before the one ahead of it.
func (w *way) due(at int64, far bool) int64 {
	due, last := at+int64(w.options.Delay), &w.last[0]
	if far {
		due, last = due+int64(w.options.Far), &w.last[1]
	}
	if w.options.Jitter > 0 {
		if at >= w.extraUntil {
			w.extra = int64(w.random.ExpFloat64() * float64(w.options.Jitter))
			w.extraUntil = at + int64(jitterLasts)
		}
		due += w.extra
	}
	*last = max(*last, due)
	return *last
}

// fromFar tells whether an IPv4 packet comes from the far server.
func (p *packet) fromFar() bool {
	return netip.AddrFrom4([4]byte(p.data[12:16])) == farServer
}

// jitterLasts is how long a delay stays before another one is drawn, as when a radio channel changes.
const jitterLasts = 10 * time.Millisecond

// send hands on what is due.
func (w *way) send() error {
	for len(w.line) > 0 {
		p := w.line[0]
		at := now()
		if at < p.due {
			break
		}
		w.note(p.due, at)
		w.line = w.line[1:]
		if w.queue == nil {
			if err := w.write(p); err != nil {
				return err
			}
		} else {
			w.waiting++
			w.drop(w.queue.put(p, p.due))
		}
	}
	return w.squeeze()
}

// squeeze sends what the bottleneck lets through.
func (w *way) squeeze() error {
	for w.waiting > 0 {
		at := now()
		if at < w.ready {
			return nil
		}
		p := w.queue.take(at, w.drop)
		if p == nil {
			return nil
		}
		w.waiting--
		// Time is lost for the line only when nothing waited, or when this program comes too late.
		w.ready = max(w.ready, at-int64(burst)) + int64(float64(p.wire())/w.options.Rate*1e9)
		if err := w.write(p); err != nil {
			return err
		}
	}
	return nil
}

// note takes note of when a packet went on. A pause of the machine makes those late that are on the line, and they are few: what
// counts is how long it was.
func (w *way) note(due, at int64) {
	late := time.Duration(at - due)
	w.late[min(late/lateStep, lateBuckets-1)]++
	w.stats.LateMax = max(w.stats.LateMax, late)
	if late > tooLate {
		w.behind += at - max(due, w.caughtUp)
		w.caughtUp = at
	}
}

// drop forgets a packet that was in the queue.
func (w *way) drop(p *packet) {
	if p != nil {
		w.waiting--
		w.stats.Dropped++
		w.free = append(w.free, p)
	}
}

func (w *way) write(p *packet) error {
	_, err := unix.Write(w.to, p.data[:p.size])
	w.stats.Packets++
	w.free = append(w.free, p)
	return err
}

// stats joins what both ways have counted.
func stats(ways ...*way) forwarderStats {
	var all forwarderStats
	var late [lateBuckets]int64
	var noted int64
	for _, w := range ways {
		all.Packets += w.stats.Packets
		all.Full += w.stats.Full
		all.Lost += w.stats.Lost
		all.Dropped += w.stats.Dropped
		all.LateMax = max(all.LateMax, w.stats.LateMax)
		all.Largest = max(all.Largest, w.stats.Largest)
		all.Behind = max(all.Behind, float64(w.behind)/float64(max(now()-w.began, 1)))
		for i, n := range w.late {
			late[i] += n
			noted += n
		}
	}
	quantile := func(q float64) time.Duration {
		var below int64
		for i, n := range late {
			if below += n; float64(below) >= q*float64(noted) {
				return time.Duration(i+1) * lateStep
			}
		}
		return all.LateMax
	}
	all.Late50, all.Late99 = quantile(0.5), quantile(0.99)
	return all
}
