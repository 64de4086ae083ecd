//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

// situation is what an ebb daemon does where more happens than a foreground that comes and goes. What it does not tell is 0.
type situation struct {
	Name      string         `json:"name"`
	Path      path           `json:"path"`
	Run       int            `json:"run"`
	Failed    string         `json:"failed,omitempty"`
	Uses      []float64      `json:"uses,omitempty"`     // of what there is, in each stretch that counts
	Keeps     float64        `json:"keeps,omitempty"`    // a greedy cubic foreground, of its solo rate
	Jain      float64        `json:"jain,omitempty"`     // among the jobs
	Astray    []float64      `json:"astray,omitempty"`   // the most by which a job's share is off its priority's, in each stretch
	Queue     float64        `json:"queue_ms,omitempty"` // the longest that a probe waited
	Failures  int            `json:"failures"`           // errors, retries and timeouts of all jobs
	Forwarder forwarderStats `json:"forwarder"`
	timeline  *timeline
}

func (s situation) late() float64 { return s.Forwarder.Behind }

// measureSituations goes through all scenes.
func (b *bench) measureSituations(ctx context.Context) error {
	for run := range b.runs {
		for _, p := range b.paths {
			base, err := b.baseline(ctx, p, run)
			if err != nil {
				return err
			}
			for _, sc := range scenes() {
				s, err := calmly(ctx, b, situation.late, func() (situation, error) {
					s := situation{Name: sc.name, Path: p, Run: run}
					err := b.measureSituation(ctx, sc, base, &s)
					return s, err
				})
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					s.Failed = strings.ReplaceAll(err.Error(), "\n", " ")
				}
				b.report.Situations = append(b.report.Situations, s)
				b.eta.done(sc.lasts)
				b.eta.progress("%s; %s", p, s)
				if err := b.plot(s.Name, p, "cubic", run, s.timeline); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *bench) measureSituation(ctx context.Context, sc scene, base baseline, r *situation) (err error) {
	p := r.Path
	p.Far = sc.far
	s, err := newStage(ctx, p)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.close())
		r.Forwarder = s.forwarder.stats
	}()
	orders := sc.orders(int64(p.capacity() * sc.lasts.Seconds()))
	ebb := contestant{"ebb", func(ctx context.Context, l load) (*background, error) { return startJobs(ctx, l, orders) }}
	bg, err := b.begin(ctx, s, ebb, load{host: s.clients[machine]})
	if err != nil {
		return err
	}
	defer bg.end()
	a := &play{stage: s, situation: r, bg: bg, solo: base.solo["cubic"], greedy: b.phases.of(p).Greedy, jobs: len(orders)}
	if err := runner.Sleep(ctx, sceneLead); err != nil {
		return err
	}
	if err := sc.play(a, ctx); err != nil {
		return err
	}
	jobs, err := a.look(ctx)
	for _, j := range jobs {
		// Neither counts everything: the one leaves out what is nobody's fault, the other has the last ones only.
		r.Failures += max(j.ErrorCount, len(j.Failures))
	}
	r.timeline = s.timeline(sc.name, 0, curve{name: "background", host: machine}, curve{name: "foreground", host: person})
	return err
}

// column is one of the table of situations.
type column struct {
	head, format string
	worst        func([]float64) float64
	of           func(situation) []float64 // nothing where it does not apply
}

var situationColumns = []column{
	{"uses, % of what there is", "%.1f", slices.Min[[]float64], func(s situation) []float64 { return percent(s.Uses...) }},
	{"cubic foreground keeps, %", "%.0f", slices.Min[[]float64], func(s situation) []float64 { return percent(known(s.Keeps)...) }},
	{"Jain among the jobs", "%.3f", slices.Min[[]float64], func(s situation) []float64 { return known(s.Jain) }},
	{"off 4 : 2 : 1 by, %", "%.0f", slices.Max[[]float64], func(s situation) []float64 { return percent(s.Astray...) }},
	{"longest queue, ms", "%.0f", slices.Max[[]float64], func(s situation) []float64 { return known(s.Queue) }},
	{"failures", "%.0f", slices.Max[[]float64], func(s situation) []float64 { return []float64{float64(s.Failures)} }},
}

// known leaves out what was not measured.
func known(v float64) []float64 {
	if v == 0 {
		return nil
	}
	return []float64{v}
}

func percent(parts ...float64) []float64 {
	out := slices.Clone(parts)
	for i := range out {
		out[i] *= 100
	}
	return out
}

// cell is the column for the runs of a situation: a figure for each stretch of time that it tells of.
func (c column) cell(runs []situation) string {
	var stretches []string
	for i := range c.of(runs[0]) {
		stretches = append(stretches, spread(runs, c.worst)(c.format, func(s situation) float64 { return c.of(s)[i] }))
	}
	return strings.Join(stretches, ", then ")
}

// String is the situation in a line.
func (s situation) String() string {
	if s.Failed != "" {
		return s.Name + ": failed: " + s.Failed
	}
	var said []string
	for _, c := range situationColumns {
		if text := c.cell([]situation{s}); text != "" {
			said = append(said, c.head+": "+text)
		}
	}
	return fmt.Sprintf("%s: %s; forwarder: %s", s.Name, strings.Join(said, "; "), s.Forwarder)
}

// situationCells are the columns of a situation, of those of its runs that did not fail.
func situationCells(runs []situation) []string {
	var out []string
	var late []float64
	ok := slices.DeleteFunc(slices.Clone(runs), func(s situation) bool { return s.Failed != "" })
	for _, s := range ok {
		late = append(late, s.late())
	}
	if len(ok) < len(runs) {
		i := slices.IndexFunc(runs, func(s situation) bool { return s.Failed != "" })
		out = append(out, "failed: "+runs[i].Failed)
	}
	if len(ok) == 0 {
		return out
	}
	for _, c := range situationColumns {
		out = append(out, c.cell(ok))
	}
	return append(out, lateCell(late))
}

func situationsMarkdown(w io.Writer, all []situation) {
	fmt.Fprint(w, "\n### Situations, with an ebb daemon and a cubic server\n\n")
	fmt.Fprintf(w, "| %s | situation |", pathHead)
	for _, c := range situationColumns {
		fmt.Fprintf(w, " %s |", c.head)
	}
	fmt.Fprintf(w, " %s |\n|%s\n", lateHead, strings.Repeat("---|", len(situationColumns)+3))
	for len(all) > 0 {
		first := all[0]
		var runs []situation
		all = slices.DeleteFunc(slices.Clone(all), func(s situation) bool {
			if s.Name != first.Name || s.Path != first.Path {
				return false
			}
			runs = append(runs, s)
			return true
		})
		fmt.Fprintf(w, "| %s | %s | %s |\n", first.Path.columns(), first.Name, strings.Join(situationCells(runs), " | "))
	}
	fmt.Fprintf(w, "\n%s\n", situationsLegend)
}

// situationsLegend explains the columns.
const situationsLegend = "What there is to use is the line or, where that is less, what the server sends. It is counted over 20 s; of a route, from " +
	"the 15th to the 25th second after each change; of a foreground of 90 s, from the 5th to the 15th second after its end. The shares of " +
	"priorities are those of 20 s, and of 10 s from one second after `ebb set`. The longest queue is that of any small packet since the base " +
	"RTT halved. Failures are errors, retries and timeouts of all jobs, as `ebb list --json` tells them."
