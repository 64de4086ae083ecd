//go:build linux

package main

import (
	"errors"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

const (
	mtu       = 1500
	wayLength = 8192 // packets on their way and in the queue: 100 Mbit/s for a second
)

// way is one direction of the forwarder: a line that hands on each packet a fixed time after it came, in order, and a
// bottleneck at its end if it is to have one.
type way struct {
	from, to int
	options  forwardOptions
	random   *rand.Rand

	free []*packet
	line []*packet // on their way
	last int64     // when the last of them is due

	queue   discipline // nil: there is no bottleneck
	waiting int        // packets in it
	ready   int64      // when the bottleneck can send next

	extra      int64 // what the jitter adds now
	extraUntil int64
	late       [lateBuckets]int64
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
)

func newWay(from, to int, o forwardOptions) *way {
	w := &way{from: from, to: to, options: o, random: rand.New(rand.NewPCG(o.Seed, 2))}
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
			p.size, p.due = n, w.due(now())
			w.free, w.line = w.free[:len(w.free)-1], append(w.line, p)
		}
		if err := w.send(); err != nil {
			return err
		}
	}
}

// due is when a packet that comes now shall go on: after the delay and what the jitter adds, but never before the one ahead of it.
func (w *way) due(at int64) int64 {
	due := at + int64(w.options.Delay)
	if w.options.Jitter > 0 {
		if at >= w.extraUntil {
			w.extra = int64(w.random.ExpFloat64() * float64(w.options.Jitter))
			w.extraUntil = at + int64(jitterLasts)
		}
		due += w.extra
	}
	w.last = max(w.last, due)
	return w.last
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
		w.note(time.Duration(at - p.due))
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

func (w *way) note(late time.Duration) {
	w.late[min(late/lateStep, lateBuckets-1)]++
	w.stats.LateMax = max(w.stats.LateMax, late)
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
		for i, n := range w.late {
			late[i] += n
			noted += n
		}
	}
	var behind int64
	for _, n := range late[5*time.Millisecond/lateStep:] {
		behind += n
	}
	all.Behind = float64(behind) / float64(max(noted, 1))
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
