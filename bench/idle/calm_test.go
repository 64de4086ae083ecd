//go:build linux

package main

import (
	"errors"
	"testing"
	"time"
)

func TestCalmly(t *testing.T) {
	t.Parallel()
	failed := errors.New("curl has ended")
	for _, tt := range []struct {
		name  string
		tries int
		late  []float64 // of each try
		fails int       // the try that fails, from 1
		want  float64
		again int
	}{
		{name: "calm", tries: 3, late: []float64{0.009}, want: 0.009},
		{name: "calm at last", tries: 3, late: []float64{0.5, 0.02, 0.01}, want: 0.01, again: 2},
		{name: "never calm", tries: 3, late: []float64{0.5, 0.02, 0.03}, want: 0.02, again: 2},
		{name: "once only", tries: 1, late: []float64{0.5}, want: 0.5},
		{name: "what fails counts, disturbed or not", tries: 3, late: []float64{0.02, 0.9}, fails: 2, want: 0.9, again: 1},
	} {
		b := &bench{plan: plan{tries: tt.tries}, report: &report{}}
		tries := 0
		got, err := calmly(b, func(late float64) float64 { return late }, func() (float64, error) {
			tries++
			if tries == tt.fails {
				return tt.late[tries-1], failed
			}
			return tt.late[tries-1], nil
		})
		if got != tt.want || b.report.Again != tt.again || tries != len(tt.late) || errors.Is(err, failed) != (tt.fails > 0) {
			t.Errorf("%s: %g after %d tries, %d again, %v", tt.name, got, tries, b.report.Again, err)
		}
	}
}

func TestLateCell(t *testing.T) {
	t.Parallel()
	for want, runs := range map[string][]float64{
		"0.12": {0.0012}, "0.50 (0.90)": {0.005, 0.009, 0.001}, "0.50 (1.10) †": {0.005, 0.011, 0.001}, "2.00 †": {0.02},
	} {
		if got := lateCell(runs); got != want {
			t.Errorf("%g is %q, want %q", runs, got, want)
		}
	}
}

// TestWorkKnowsTheIdleLine: it is measured once for each path and round, whatever is compared with it.
func TestWorkKnowsTheIdleLine(t *testing.T) {
	t.Parallel()
	way := path{Rate: 20, Base: 20 * time.Millisecond}
	p := plan{parts: []string{"cells"}, paths: []path{way}, contestants: contestants()[:1], servers: []string{"cubic"}, runs: 2}
	base, cell := p.phases.baseline(), p.phases.cell()
	if got, want := work([]plan{p, p}), 2*base+4*cell; got != want {
		t.Errorf("two sets on one path take %s, want %s", got, want)
	}
	b := &bench{plan: p, idle: map[round]baseline{{way, 1}: {page: time.Second}}}
	way.Far = time.Hour
	if got, err := b.baseline(t.Context(), way, 1); err != nil || got.page != time.Second {
		t.Errorf("%+v, %v", got, err)
	}
}
