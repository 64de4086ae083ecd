//go:build linux

package main

import (
	"math"
	"testing"
	"time"
)

const ms = time.Millisecond

type step struct {
	lasts time.Duration
	rate  float64 // bytes per second
}

// steps is a counter that is read every 20 ms while it rises at one rate after another.
func steps(all ...step) series {
	s := series{{}}
	var bytes float64
	for _, p := range all {
		for range int(p.lasts / sampleEvery) {
			bytes += p.rate * sampleEvery.Seconds()
			s = append(s, sample{At: s[len(s)-1].At + sampleEvery, Bytes: int64(math.Round(bytes))})
		}
	}
	return s
}

func TestSeriesBytes(t *testing.T) {
	t.Parallel()
	s := series{{At: 10 * ms, Bytes: 100}, {At: 20 * ms, Bytes: 300}, {At: 40 * ms, Bytes: 300}}
	for _, test := range []struct {
		name     string
		from, to time.Duration
		want     float64
	}{
		{"whole", 10 * ms, 40 * ms, 200},
		{"half of a step", 10 * ms, 15 * ms, 100},
		{"standing", 20 * ms, 30 * ms, 0},
		{"before it began", 0, 10 * ms, 0},
		{"after it ended", 15 * ms, time.Hour, 100},
	} {
		if got := s.bytes(test.from, test.to); got != test.want {
			t.Errorf("%s: %v bytes, want %v", test.name, got, test.want)
		}
	}
	if got := series(nil).bytes(0, time.Second); got != 0 {
		t.Errorf("nothing seen: %v bytes", got)
	}
	if got := s.rate(10*ms, 20*ms); got != 20_000 {
		t.Errorf("rate %v, want 20000", got)
	}
}

func TestYieldAndReclaim(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name           string
		series         series
		yield, reclaim float64 // after one second
	}{
		{"it stays", steps(step{5 * time.Second, 1000}), never, 0},
		{"it goes at once, and comes back", steps(step{time.Second, 1000}, step{time.Second, 0}, step{3 * time.Second, 1000}), 0, 0.94},
		{"it goes later", steps(step{1500 * ms, 1000}, step{3500 * ms, 50}), 0.49, 0},
		{"a short dip is no yield", steps(step{1500 * ms, 1000}, step{100 * ms, 0}, step{3400 * ms, 1000}), never, 0},
		{"half is neither", steps(step{1000 * ms, 1000}, step{4 * time.Second, 500}), never, never},
	} {
		if got := test.series.yields(time.Second, 5*time.Second, 100); math.Abs(got-test.yield) > 0.011 {
			t.Errorf("%s: yields in %v s, want %v", test.name, got, test.yield)
		}
		if got := test.series.reclaims(time.Second, 5*time.Second, 800); math.Abs(got-test.reclaim) > 0.011 {
			t.Errorf("%s: reclaims in %v s, want %v", test.name, got, test.reclaim)
		}
	}
}

func TestJain(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		shares []float64
		want   float64
	}{
		{[]float64{3, 3}, 1},
		{[]float64{1, 0}, 0.5},
		{[]float64{3, 1}, 0.8},
		{[]float64{1, 1, 1, 0}, 0.75},
		{[]float64{0, 0}, 0},
		{nil, 0},
	} {
		if got := jain(test.shares); math.Abs(got-test.want) > 1e-9 {
			t.Errorf("jain(%v) = %v, want %v", test.shares, got, test.want)
		}
	}
}

func TestQuantile(t *testing.T) {
	t.Parallel()
	values := []float64{5, 1, 4, 2, 3}
	for q, want := range map[float64]float64{0: 1, 0.2: 1, 0.21: 2, 0.5: 3, 0.99: 5, 1: 5} {
		if got := quantile(values, q); got != want {
			t.Errorf("quantile(%v) = %v, want %v", q, got, want)
		}
	}
	if values[0] != 5 {
		t.Error("the values were sorted in place")
	}
	if got := quantile(nil, 0.5); !math.IsNaN(got) {
		t.Errorf("quantile of nothing is %v", got)
	}
}
