//go:build linux

package main

import (
	"math"
	"slices"
	"sort"
	"time"
)

// sample is a counter at a time.
type sample struct {
	At    time.Duration
	Bytes int64
}

// series is a counter over time, in order.
type series []sample

// bytes is how many came from one time to another; between two samples the rate is taken as steady.
func (s series) bytes(from, to time.Duration) float64 { return s.count(to) - s.count(from) }

func (s series) count(at time.Duration) float64 {
	if len(s) == 0 {
		return 0
	}
	i := sort.Search(len(s), func(i int) bool { return s[i].At >= at })
	switch i {
	case 0:
		return float64(s[0].Bytes)
	case len(s):
		return float64(s[i-1].Bytes)
	}
	a, b := s[i-1], s[i]
	return float64(a.Bytes) + float64(b.Bytes-a.Bytes)*float64(at-a.At)/float64(b.At-a.At)
}

// rate is in bytes per second.
func (s series) rate(from, to time.Duration) float64 {
	return s.bytes(from, to) / (to - from).Seconds()
}

// settle is for how long a rate has to be on its side of a bound.
const settle = 300 * time.Millisecond

// yields returns how many seconds after from the first stretch of the length of settle begins in which the rate is below the bound
// on average; never when none does before to.
func (s series) yields(from, to time.Duration, bound float64) float64 {
	return begins(from, to, func(at time.Duration) bool { return s.rate(at, at+settle) < bound })
}

// reclaims is the same for a rate of at least the bound.
func (s series) reclaims(from, to time.Duration, bound float64) float64 {
	return begins(from, to, func(at time.Duration) bool { return s.rate(at, at+settle) >= bound })
}

// never is the time until what has not happened.
const never = -1.0

// begins returns how many seconds after from something holds first.
func begins(from, to time.Duration, holds func(time.Duration) bool) float64 {
	for at := from; at+settle <= to; at += 10 * time.Millisecond {
		if holds(at) {
			return (at - from).Seconds()
		}
	}
	return never
}

// jain is Jain's index of fairness: 1 when all have the same, 1/n when one has all.
func jain(shares []float64) float64 {
	var sum, squares float64
	for _, x := range shares {
		sum += x
		squares += x * x
	}
	if squares == 0 {
		return 0
	}
	return sum * sum / (float64(len(shares)) * squares)
}

// quantile is the smallest value that a share q of all values does not exceed; NaN when there are none.
func quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(max(int(math.Ceil(q*float64(len(sorted))))-1, 0), len(sorted)-1)]
}

func median(values []float64) float64 { return quantile(values, 0.5) }
