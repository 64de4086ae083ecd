//go:build linux

package main

import (
	"encoding/binary"
	"hash/maphash"
	"math"
	"time"
)

// discipline is the queue of a bottleneck that the forwarder plays, for kernels that have no other one than tbf.
type discipline interface {
	// put takes a packet, or returns one that has to go because there is no room.
	put(p *packet, at int64) *packet
	// take returns the packet to send next, nil when there is none, and hands to drop those that are not to be sent.
	take(at int64, drop func(*packet)) *packet
}

// The disciplines, by their names.
const (
	codelQueue   = "codel"
	fqCodelQueue = "fq-codel"
)

// newDiscipline makes a queue with room for so many bytes.
func newDiscipline(name string, room int) discipline {
	if name == fqCodelQueue {
		return newFQ(room)
	}
	return &codel{room: room}
}

// codel is controlled delay, RFC 8289 section 5.
type codel struct {
	packets []*packet
	bytes   int
	room    int

	above    int64 // when the delay will have been above the target for an interval; 0: it is not
	next     int64 // drop
	count    int   // drops since dropping began
	last     int   // count when dropping began last
	dropping bool
}

const (
	codelTarget   = int64(5 * time.Millisecond)
	codelInterval = int64(100 * time.Millisecond)
)

func (c *codel) put(p *packet, at int64) *packet {
	if c.bytes+p.wire() > c.room {
		return p
	}
	p.queued = at
	c.packets, c.bytes = append(c.packets, p), c.bytes+p.wire()
	return nil
}

// pop returns the first packet, and whether the delay has been too long for too long.
func (c *codel) pop(at int64) (p *packet, late bool) {
	if len(c.packets) == 0 {
		c.above = 0
		return nil, false
	}
	p = c.packets[0]
	c.packets, c.bytes = c.packets[1:], c.bytes-p.wire()
	switch {
	case at-p.queued < codelTarget || c.bytes <= mtu:
		c.above = 0
	case c.above == 0:
		c.above = at + codelInterval
	default:
		late = at >= c.above
	}
	return p, late
}

func (c *codel) take(at int64, drop func(*packet)) *packet {
	p, late := c.pop(at)
	if c.dropping {
		for c.dropping = late; c.dropping && at >= c.next; {
			drop(p)
			c.count++
			if p, c.dropping = c.pop(at); c.dropping {
				c.next = controlLaw(c.next, c.count)
			}
		}
		return p
	}
	if !late {
		return p
	}
	drop(p)
	p, _ = c.pop(at)
	c.dropping = true
	// It goes on where it was when dropping ended a short time ago.
	if delta := c.count - c.last; delta > 1 && at-c.next < 16*codelInterval {
		c.count = delta
	} else {
		c.count = 1
	}
	c.next, c.last = controlLaw(at, c.count), c.count
	return p
}

func controlLaw(at int64, count int) int64 {
	return at + int64(float64(codelInterval)/math.Sqrt(float64(count)))
}

// fq is FQ-CoDel, RFC 8290 section 4: a queue for each flow, in turns, each with codel.
type fq struct {
	seed  maphash.Seed
	flows [1024]fqFlow
	fresh []*fqFlow // flows that have just begun to send: they go first
	old   []*fqFlow
	bytes int
	room  int
}

type fqFlow struct {
	codel
	credit int // bytes
	listed bool
}

func newFQ(room int) *fq {
	f := &fq{seed: maphash.MakeSeed(), room: room}
	for i := range f.flows {
		f.flows[i].room = math.MaxInt
	}
	return f
}

func (f *fq) put(p *packet, at int64) *packet {
	flow := &f.flows[maphash.Bytes(f.seed, p.flow())%uint64(len(f.flows))]
	flow.codel.put(p, at)
	f.bytes += p.wire()
	if !flow.listed {
		flow.listed, flow.credit = true, mtu
		f.fresh = append(f.fresh, flow)
	}
	if f.bytes <= f.room {
		return nil
	}
	return f.fattest()
}

// fattest takes a packet from the longest queue.
func (f *fq) fattest() *packet {
	flow := &f.flows[0]
	for i := range f.flows {
		if f.flows[i].bytes > flow.bytes {
			flow = &f.flows[i]
		}
	}
	p := flow.packets[0]
	flow.packets, flow.bytes = flow.packets[1:], flow.bytes-p.wire()
	f.bytes -= p.wire()
	return p
}

func (f *fq) take(at int64, drop func(*packet)) *packet {
	for {
		list := &f.fresh
		if len(*list) == 0 {
			list = &f.old
		}
		if len(*list) == 0 {
			return nil
		}
		flow := (*list)[0]
		if flow.credit <= 0 {
			flow.credit += mtu
			*list = (*list)[1:]
			f.old = append(f.old, flow)
			continue
		}
		p := flow.codel.take(at, func(p *packet) { f.bytes -= p.wire(); drop(p) })
		if p != nil {
			flow.credit -= p.wire()
			f.bytes -= p.wire()
			return p
		}
		*list = (*list)[1:]
		if list == &f.fresh && len(f.old) > 0 {
			f.old = append(f.old, flow) // it may not come back as a fresh one at once
		} else {
			flow.listed = false
		}
	}
}

// wire is what a packet takes of the line, with its Ethernet header as tbf counts it.
func (p *packet) wire() int { return p.size + 14 }

// flow is what the packets of a flow have in common: addresses, protocol and ports of IPv4.
func (p *packet) flow() []byte {
	key := make([]byte, 0, 13)
	key = append(key, p.data[9])
	key = append(key, p.data[12:20]...)
	header := int(p.data[0]&0xf) * 4
	return binary.BigEndian.AppendUint32(key, binary.BigEndian.Uint32(p.data[header:]))
}
