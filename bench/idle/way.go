//go:build linux

package main

import (
	"errors"
	"math/rand/v2"
	"time"

	"golang.org/x/sys/unix"
)

const (
	wayLength = 8192 // packets on their way: 100 Mbit/s for a second
)

// way is one direction of the forwarder: a line that delivers each packet a fixed time after it came, in order.
type way struct {
	from, to int
	options  forwardOptions
	random   *rand.Rand

	packets    []packet // a ring
	head, tail int      // of the ring, ever rising: packets[head%len] goes next
	spare      packet   // for what finds the ring full

	extra      int64 // what the jitter adds now
	extraUntil int64
	late       [lateBuckets]int64
	stats      forwarderStats
}

type packet struct {
	due  int64
	size int
	data [2048]byte
}

// late counts in steps of 10 µs, up to 20 ms.
const (
	lateStep    = 10 * time.Microsecond
	lateBuckets = 2000
)

func newWay(from, to int, o forwardOptions) *way {
	return &way{from: from, to: to, options: o, random: rand.New(rand.NewPCG(o.Seed, 2)), packets: make([]packet, wayLength)}
}

// next is when the next packet is due.
func (w *way) next() int64 {
	if w.head == w.tail {
		return now() + int64(time.Second)
	}
	return w.packets[w.head%wayLength].due
}

// move takes in what has come and sends on what is due.
func (w *way) move() error {
	for {
		p := &w.spare
		if w.tail-w.head < wayLength {
			p = &w.packets[w.tail%wayLength]
		}
		n, err := unix.Read(w.from, p.data[:])
		if errors.Is(err, unix.EAGAIN) {
			return w.send()
		}
		if err != nil {
			return err
		}
		w.stats.Largest = max(w.stats.Largest, n)
		switch {
		case p == &w.spare:
			w.stats.Full++
		case w.options.Loss > 0 && w.random.Float64() < w.options.Loss:
			w.stats.Lost++
		default:
			p.size, p.due = n, w.due(now())
			w.tail++
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
	if w.head != w.tail {
		due = max(due, w.packets[(w.tail-1)%wayLength].due)
	}
	return due
}

// jitterLasts is how long a delay stays before another one is drawn, as when a radio channel changes.
const jitterLasts = 10 * time.Millisecond

func (w *way) send() error {
	for w.head != w.tail {
		p := &w.packets[w.head%wayLength]
		late := now() - p.due
		if late < 0 {
			return nil
		}
		w.late[min(int(late/int64(lateStep)), lateBuckets-1)]++
		w.stats.LateMax = max(w.stats.LateMax, time.Duration(late))
		if _, err := unix.Write(w.to, p.data[:p.size]); err != nil {
			return err
		}
		w.stats.Packets++
		w.head++
	}
	return nil
}

// stats joins what both ways have counted.
func stats(ways ...*way) forwarderStats {
	var all forwarderStats
	var late [lateBuckets]int64
	for _, w := range ways {
		all.Packets += w.stats.Packets
		all.Full += w.stats.Full
		all.Lost += w.stats.Lost
		all.LateMax = max(all.LateMax, w.stats.LateMax)
		all.Largest = max(all.Largest, w.stats.Largest)
		for i, n := range w.late {
			late[i] += n
		}
	}
	quantile := func(q float64) time.Duration {
		var below int64
		for i, n := range late {
			if below += n; float64(below) >= q*float64(all.Packets) {
				return time.Duration(i+1) * lateStep
			}
		}
		return all.LateMax
	}
	all.Late50, all.Late99 = quantile(0.5), quantile(0.99)
	return all
}
