//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
)

// lateBound is the share of the time above which the machine was too busy to measure.
const lateBound = 0.01

// calmly measures again what was measured while the machine was busy, up to the plan's tries in all, and returns the least disturbed
// of them: it looks at the forwarder, never at the result. What fails counts as it is.
func calmly[T any](b *bench, late func(T) float64, measure func() (T, error)) (best T, err error) {
	for try := range b.tries {
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

// baseline is what the idle line is like in this round.
func (b *bench) baseline(ctx context.Context, p path, run int) (baseline, error) {
	p.Far = 0 // it is not for the foreground
	key := round{p, run}
	if base, ok := b.idle[key]; ok {
		return base, nil
	}
	base, err := calmly(b, func(base baseline) float64 { return base.forwarder.Behind }, func() (baseline, error) {
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
		"background, was measured again, up to twice, and the least disturbed of the tries counts, whatever its figures (not with -quick, nor "+
		"the run with a random foreground): %d tries were given up for that. † marks what had more all the same.",
		lateHead, 100*lateBound, again)
}
