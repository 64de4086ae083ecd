//go:build linux

package main

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSituationsTable(t *testing.T) {
	t.Parallel()
	crowd := func(run int, uses, keeps, jain float64, failures int) situation {
		return situation{Name: "8 jobs", Run: run, Uses: []float64{uses}, Keeps: keeps, Jain: jain, Failures: failures}
	}
	route := situation{Name: "route", Uses: []float64{0.97, 0.95}, Queue: 21, Forwarder: forwarderStats{Behind: 0.05}}
	var out strings.Builder
	situationsMarkdown(&out, []situation{crowd(0, 0.98, 0.97, 0.99, 0), route, crowd(1, 0.96, 0.99, 0.98, 3), {Name: "stall", Failed: "no ebb"}})
	for _, want := range []string{
		"| 8 jobs | 96.0 (96.0) | 97 (97) | 0.980 (0.980) |  |  | 0 (3) | 0.00 (0.00) |\n",
		"| route | 97.0, then 95.0 |  |  |  | 21 | 0 | 5.00 † |\n",
		"| stall | failed: no ebb |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("there is no %q in\n%s", want, out.String())
		}
	}
}

func TestScenes(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, s := range scenes() {
		var urls []string
		for _, o := range s.orders(1 << 30) {
			urls = append(urls, o.urls...)
		}
		slices.Sort(urls)
		if len(urls) == 0 || len(slices.Compact(slices.Clone(urls))) < len(urls) || names[s.name] {
			t.Errorf("%s: two files are the same, or two scenes", s.name)
		}
		names[s.name] = true
	}
}

func TestAstray(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		shares []float64
		want   float64
	}{
		{[]float64{400, 200, 100}, 0},
		{[]float64{400, 200, 120}, 1.2*700/720 - 1},
		{[]float64{100, 100, 100}, 4.0 / 3},
	} {
		if got := astray(tt.shares, []float64{4, 2, 1}); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("%g is %g off, want %g", tt.shares, got, tt.want)
		}
	}
}

func TestSupplies(t *testing.T) {
	t.Parallel()
	p := path{Rate: 20}
	for name, tt := range map[string]struct {
		supply supply
		part   float64 // of the line, which is as fast as it can be read here, over a minute
	}{
		"bursts": {inBursts(p), burstPart},
		"stalls": {withStalls, 1 - stallFor.Seconds()/stallEvery.Seconds()},
	} {
		synctest.Test(t, func(t *testing.T) {
			const chunk = 10_000
			got, began := 0, time.Now()
			for time.Since(began) < time.Minute {
				n, err := tt.supply(t.Context(), chunk)
				if err != nil || n < 1 || n > chunk {
					t.Fatalf("%s: %d bytes, %v", name, n, err)
				}
				got += n
				time.Sleep(time.Duration(float64(n) / p.payload() * float64(time.Second)))
			}
			if part := float64(got) / p.payload() / time.Minute.Seconds(); math.Abs(part-tt.part) > 0.02 {
				t.Errorf("%s are %.3f of the line, want %.3f", name, part, tt.part)
			}
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			for range 1000 {
				if _, err := tt.supply(gone, chunk); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Errorf("%s do not end with the request", name)
		})
	}
}
