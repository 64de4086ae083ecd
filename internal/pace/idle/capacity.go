package idle

import (
	"math"
	"time"
)

// capacityHalfLife lets go of a capacity that is not seen any more: long beside a foreground transfer, which must not teach us
// that the line is small, and short beside a day.
const capacityHalfLife = 120 * time.Second

// meter remembers a rising counter for a while and tells its rate.
type meter struct {
	marks [64]mark
	next  int
	count int
}

type mark struct {
	at    time.Duration
	total int64
}

// meterGrain is the least distance of two marks: 64 of them then reach at least 300 ms back, and Step widens it for long
// round trips.
const meterGrain = 5 * time.Millisecond

func (m *meter) add(now time.Duration, total int64, grain time.Duration) {
	if m.count > 0 && now-m.newest().at < grain {
		return
	}
	m.marks[m.next] = mark{now, total}
	m.next = (m.next + 1) % len(m.marks)
	m.count = min(m.count+1, len(m.marks))
}

func (m *meter) newest() mark { return m.back(0) }

func (m *meter) back(i int) mark { return m.marks[(m.next-1-i+2*len(m.marks))%len(m.marks)] }

// rate is bytes per second over the last span, or what is known of it; 0 when less than half of the span is.
func (m *meter) rate(span time.Duration) float64 {
	if m.count == 0 {
		return 0
	}
	last := m.newest()
	for i := 1; i < m.count; i++ {
		if first := m.back(i); last.at-first.at >= span || i == m.count-1 && last.at-first.at >= span/2 {
			return float64(last.total-first.total) / (last.at - first.at).Seconds()
		}
	}
	return 0
}

// decay halves a value once per half-life.
func decay(value float64, elapsed, halfLife time.Duration) float64 {
	return value * math.Exp2(-elapsed.Seconds()/halfLife.Seconds())
}
