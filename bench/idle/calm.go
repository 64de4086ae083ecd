//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

// lateBound is the share of the time above which the machine was too busy to measure.
const lateBound = 0.01

// calmly measures again what was measured while the machine was busy, up to the plan's tries in all, and returns the least disturbed
// of them: it looks at the forwarder, never at the result. What fails counts as it is.
func calmly[T any](ctx context.Context, b *bench, late func(T) float64, measure func() (T, error)) (best T, err error) {
	for try := range b.tries {
		if err := b.awaitCalm(ctx, procStat); err != nil {
			return best, err
		}
		got, err := measure()
		if try == 0 || err != nil || late(got) < late(best) {
			best = got
		}
		if err != nil || late(best) <= lateBound {
			return best, err
		}
		if try+1 < b.tries {
			b.report.Again++
			fmt.Fprintf(os.Stderr, "      The forwarder was late for %.1f %% of the time; once more.\n", 100*late(got))
		}
	}
	return best, nil
}

const (
	procStat   = "/proc/stat"
	calmFor    = 5 * time.Second
	calmStolen = 0.003 // of the processors' time
)

// awaitCalm waits until other virtual machines have left the processors to this one for a while, or for as long as the patience of the
// plan goes. stat is the kernel's account of the processors' time.
func (b *bench) awaitCalm(ctx context.Context, stat string) error {
	for end := time.Now().Add(b.patience); time.Now().Before(end); {
		before, err := readProcessors(stat)
		if err == nil {
			err = runner.Sleep(ctx, min(calmFor, time.Until(end)))
		}
		if err != nil {
			return err
		}
		after, err := readProcessors(stat)
		if err != nil || after.stolen-before.stolen <= calmStolen*(after.total-before.total) {
			return err
		}
	}
	return nil
}

// processors is what became of their time, in ticks.
type processors struct{ total, stolen float64 }

func readProcessors(stat string) (p processors, err error) {
	text, err := os.ReadFile(stat)
	if err != nil {
		return p, err
	}
	var states [8]float64 // user, nice, system, idle, iowait, irq, softirq, steal: proc_stat(5)
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) < 1+len(states) {
		return p, fmt.Errorf("%s: %q tells too little", stat, line)
	}
	for i := range states {
		if states[i], err = strconv.ParseFloat(fields[1+i], 64); err != nil {
			return p, fmt.Errorf("%s: %w", stat, err)
		}
		p.total += states[i]
	}
	p.stolen = states[7]
	return p, nil
}

// baseline is what the idle line is like in this round.
func (b *bench) baseline(ctx context.Context, p path, run int) (baseline, error) {
	p.Far = 0 // it is not for the foreground
	key := round{p, run}
	if base, ok := b.idle[key]; ok {
		return base, nil
	}
	base, err := calmly(ctx, b, func(base baseline) float64 { return base.forwarder.Behind }, func() (baseline, error) {
		return b.measureBaseline(ctx, p)
	})
	if err == nil {
		b.idle[key] = base
		b.eta.done(b.phases.of(p).baseline())
	}
	return base, err
}

// lateCell is a column of a table: the median of the runs, the worst, and a dagger where that is too much.
func lateCell(runs []float64) string {
	text := fmt.Sprintf("%.2f", 100*median(runs))
	worst := slices.Max(runs)
	if len(runs) > 1 {
		text += fmt.Sprintf(" (%.2f)", 100*worst)
	}
	if worst > lateBound {
		text += " †"
	}
	return text
}

const lateHead = "forwarder late, %"

// lateLegend explains the column.
func lateLegend(again int) string {
	return fmt.Sprintf("%q is the share of the time in which packets waited that the bed sent on more than 5 ms later than it should, as "+
		"the machine had other things to do: every contestant feels it. What was measured while that was more than %g %%, with or without a "+
		"background, was measured again, up to twice (with -quick only if -tries says so; never the run with a random foreground), and the "+
		"least disturbed of the tries counts, whatever its figures: %d tries were given up for that. † marks what had more all the same.",
		lateHead, 100*lateBound, again)
}
