//go:build linux

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
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
		got, err := calmly(t.Context(), b, func(late float64) float64 { return late }, func() (float64, error) {
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

func TestAwaitCalm(t *testing.T) {
	t.Parallel()
	stat := filepath.Join(t.TempDir(), "stat")
	tell := func(text string) {
		if err := os.WriteFile(stat, []byte(text), 0o600); err != nil {
			t.Error(err)
		}
	}
	waits := func(patience time.Duration) (time.Duration, error) {
		began := time.Now()
		err := (&bench{plan: plan{patience: patience}}).awaitCalm(t.Context(), stat)
		return time.Since(began), err
	}
	if took, err := waits(0); err != nil || took > time.Second {
		t.Errorf("without patience: %v, %v", took, err)
	}
	if _, err := waits(time.Second); err == nil {
		t.Error("the account is not there, and nobody says so")
	}
	tell("cpu  1 2 3\n")
	if _, err := waits(time.Second); err == nil || !strings.Contains(err.Error(), "too little") {
		t.Errorf("an account without steal: %v", err)
	}
	tell("cpu  100 0 50 800 0 0 3 47 0 0\ncpu0 …\n")
	if p, err := readProcessors(stat); err != nil || p != (processors{total: 1000, stolen: 47}) {
		t.Errorf("%+v, %v; want 47 of 1000", p, err)
	}
	time.AfterFunc(time.Second, func() { tell("cpu  100 0 50 900 0 0 3 49 0 0\n") }) // 2 of 102 are stolen
	if took, err := waits(3 * time.Second); err != nil || took < 3*time.Second {
		t.Errorf("a machine that is not calm: %v, %v", took, err)
	}
}
