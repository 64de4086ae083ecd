//go:build linux

package main

import (
	"encoding/binary"
	"testing"
	"time"
)

// sent simulates a bottleneck of 12 Mbit/s (1500 bytes a millisecond) for some time, into which each flow puts so many packets of 1486
// bytes in each millisecond. It returns what came out of each flow, and how long the packets of the last second have waited at most.
func sent(q discipline, length time.Duration, perTick ...float64) (out []int, waited time.Duration) {
	out = make([]int, len(perTick))
	due := make([]float64, len(perTick))
	for at := int64(time.Second); at < int64(time.Second+length); at += int64(time.Millisecond) {
		for flow, n := range perTick {
			for due[flow] += n; due[flow] >= 1; due[flow]-- {
				q.put(packetOf(flow), at)
			}
		}
		p := q.take(at, func(*packet) {})
		if p == nil {
			continue
		}
		out[int(binary.BigEndian.Uint16(p.data[22:]))]++
		if at > int64(length) {
			waited = max(waited, time.Duration(at-p.queued))
		}
	}
	return out, waited
}

// packetOf is a packet to the port that is the number of its flow.
func packetOf(flow int) *packet {
	p := &packet{size: 1486}
	p.data[0], p.data[9] = 0x45, 6
	binary.BigEndian.PutUint16(p.data[22:], uint16(flow))
	return p
}

func TestCoDelLeavesAShortQueueAlone(t *testing.T) {
	t.Parallel()
	out, waited := sent(newDiscipline(codelQueue, 1<<20), 10*time.Second, 0.9)
	if out[0] < 8990 || waited > 5*time.Millisecond {
		t.Errorf("%d packets of 9000, they waited up to %s", out[0], waited)
	}
}

// TestCoDelDropsEverFaster: a flow that does not react to drops makes it drop more and more often.
func TestCoDelDropsEverFaster(t *testing.T) {
	t.Parallel()
	q := newDiscipline(codelQueue, 1<<20).(*codel)
	dropped := map[int]int{}
	for tick := range 5000 {
		at := int64(time.Second) + int64(tick)*int64(time.Millisecond)
		q.put(packetOf(0), at)
		if tick%2 == 0 {
			q.put(packetOf(0), at)
		}
		q.take(at, func(*packet) { dropped[tick/1000]++ })
	}
	// After an interval above the target the drops are 100/√n ms apart: n of them take 200·√n − 146 ms.
	for second, want := range []int{27, 77, 127, 177} {
		if got := dropped[second]; got < want-2 || got > want+2 {
			t.Errorf("drops in each second: %v", dropped)
		}
	}
}

func TestQueuesHaveTheirRoom(t *testing.T) {
	t.Parallel()
	for _, name := range []string{codelQueue, fqCodelQueue} {
		q := newDiscipline(name, 15_000)
		refused := 0
		for range 20 {
			if q.put(packetOf(1), 1) != nil {
				refused++
			}
		}
		if refused != 10 {
			t.Errorf("%s: %d of 20 packets refused, want 10", name, refused)
		}
	}
}

func TestFQIsFair(t *testing.T) {
	t.Parallel()
	out, _ := sent(newDiscipline(fqCodelQueue, 1<<18), 10*time.Second, 2, 0.8, 0.1)
	for flow, want := range []int{4500, 4500, 1000} {
		if got := out[flow]; got < want*95/100 || got > want*105/100 {
			t.Errorf("flow %d got %d packets, want %d", flow, got, want)
		}
	}
}
