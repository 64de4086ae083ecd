//go:build linux

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

// report is everything that was measured.
type report struct {
	Started    time.Time   `json:"started"`
	Machine    string      `json:"machine"`
	Results    []result    `json:"cells,omitempty"`
	Shares     []share     `json:"shares,omitempty"`
	Situations []situation `json:"situations,omitempty"`
	Longs      []long      `json:"long,omitempty"`
	Fasts      []fast      `json:"fast,omitempty"`
	Again      int         `json:"measured_again"` // because the machine was busy
}

func newReport() *report {
	return &report{Started: time.Now(), Machine: runner.Describe()}
}

func (r *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	fmt.Fprintf(w, "Measured %s on %s. %s\n", r.Started.Format("2 January 2006 15:04"), r.Machine, lateLegend(r.Again))
	for _, g := range groups(r.Results) {
		g.markdown(w)
	}
	if len(r.Shares) > 0 {
		sharesMarkdown(w, r.Shares)
	}
	if len(r.Situations) > 0 {
		situationsMarkdown(w, r.Situations)
	}
	for _, l := range r.Longs {
		l.markdown(w)
	}
	if len(r.Fasts) > 0 {
		fastsMarkdown(w, r.Fasts)
	}
	return nil
}

// The tables of a Markdown file are between these lines.
const (
	tablesBegin = "<!-- make bench-idle -->\n"
	tablesEnd   = "<!-- end of the tables -->\n"
)

// into puts the tables into a Markdown file.
func (r *report) into(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, begins := strings.Cut(string(text), tablesBegin)
	_, after, ends := strings.Cut(rest, tablesEnd)
	if !begins || !ends {
		return fmt.Errorf("%s: no place for the tables: there must be %q and %q", file, tablesBegin, tablesEnd)
	}
	var out strings.Builder
	out.WriteString(before + tablesBegin)
	if err := r.print(&out, false); err != nil {
		return err
	}
	out.WriteString(tablesEnd + after)
	return os.WriteFile(file, []byte(out.String()), 0o644)
}

// group is what a table shows: one set, where the paths differ in nothing but the columns.
type group struct {
	set        string
	like       path // without what the columns tell
	congestion string
	rows       [][]result // the runs of a contestant on a path
}

func groups(results []result) []group {
	var out []group
	for _, r := range results {
		like := r.Path
		like.Rate, like.Buffer, like.Base = 0, 0, 0
		i := slices.IndexFunc(out, func(g group) bool { return g.set == r.Set && g.like == like && g.congestion == r.Congestion })
		if i < 0 {
			i, out = len(out), append(out, group{set: r.Set, like: like, congestion: r.Congestion})
		}
		g := &out[i]
		k := slices.IndexFunc(g.rows, func(row []result) bool { return row[0].Contestant == r.Contestant && row[0].Path == r.Path })
		if k < 0 {
			k, g.rows = len(g.rows), append(g.rows, nil)
		}
		g.rows[k] = append(g.rows[k], r)
	}
	return out
}

func (g group) markdown(w io.Writer) {
	fmt.Fprintf(w, "\n### %s: background from a %s server%s\n\n", g.set, g.congestion, g.like.extras())
	var duels []duel
	for _, row := range g.rows {
		for _, r := range row {
			if len(r.Duels) > len(duels) {
				duels = r.Duels
			}
		}
	}
	heads := []string{pathHead, "background", "alone, %"}
	for _, head := range []string{"%s foreground keeps, %%", "yields to %s in, s", "reclaims after %s in, s"} {
		for _, d := range duels {
			heads = append(heads, fmt.Sprintf(head, d.Congestion))
		}
	}
	heads = append(heads, "small requests, added p50 / p99, ms", "page, × idle", "background meanwhile, %", "CPU, % of a core per 100 Mbit/s", lateHead)
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(heads, " | "), strings.Repeat("---|", len(heads)))
	for _, row := range g.rows {
		fmt.Fprintf(w, "| %s | %s |\n", row[0].Path.columns(), strings.Join(cells(row), " | "))
	}
}

// cells are the columns of a contestant: medians of the runs, with the worst where there are several.
func cells(runs []result) []string {
	failed := ""
	ok := slices.DeleteFunc(slices.Clone(runs), func(r result) bool {
		if r.Failed != "" {
			failed = fmt.Sprintf("; %.100s", r.Failed)
		}
		return r.Failed != ""
	})
	out := []string{runs[0].Contestant}
	if len(ok) == 0 {
		return append(out, "failed"+failed)
	}
	low, high := spread(ok, slices.Min), spread(ok, slices.Max)
	var late []float64
	for _, r := range ok {
		late = append(late, r.late())
	}
	out = append(out, low("%.1f", func(r result) float64 { return 100 * r.Alone })+failed)
	for i := range ok[0].Duels {
		out = append(out, low("%.0f", func(r result) float64 { return 100 * r.Duels[i].keeps() }))
	}
	for i := range ok[0].Duels {
		out = append(out, high("%.2f", func(r result) float64 { return lasting(r.Duels[i].Yield) }))
	}
	for i := range ok[0].Duels {
		out = append(out, high("%.2f", func(r result) float64 { return lasting(r.Duels[i].Reclaim) }))
	}
	return append(out, addedCell(ok),
		high("%.2f", func(r result) float64 { return r.Page / r.IdlePage }),
		low("%.0f", func(r result) float64 { return 100 * r.Meanwhile }),
		high("%.1f", func(r result) float64 { return 100 * r.CPU }), lateCell(late))
}

// lasting makes what never happened last forever.
func lasting(seconds float64) float64 {
	if seconds == never {
		return math.Inf(1)
	}
	return seconds
}

// spread returns how to print a figure of several runs: the median and, when there are several, the worst.
func spread[T any](runs []T, worst func([]float64) float64) func(format string, figure func(T) float64) string {
	return func(format string, figure func(T) float64) string {
		var values []float64
		for _, r := range runs {
			values = append(values, figure(r))
		}
		text := number(format, median(values))
		if len(values) > 1 {
			text += " (" + number(format, worst(values)) + ")"
		}
		return text
	}
}

func number(format string, v float64) string {
	if math.IsInf(v, 1) {
		return "never"
	}
	return fmt.Sprintf(format, v)
}

// addedCell is what a background adds to small requests, over all runs.
func addedCell(runs []result) string {
	var idle, beside []float64
	for _, r := range runs {
		idle, beside = append(idle, r.Idle...), append(beside, r.Requests...)
	}
	return fmt.Sprintf("%+.0f / %+.0f", 1e3*(median(beside)-median(idle)), 1e3*(quantile(beside, 0.99)-median(idle)))
}

// String is the result in a line.
func (r result) String() string {
	if r.Failed != "" {
		return "failed: " + r.Failed
	}
	s := fmt.Sprintf("alone %.1f %%", 100*r.Alone)
	for _, d := range r.Duels {
		s += fmt.Sprintf("; %s keeps %.0f %%, yield %s s, reclaim %s s", d.Congestion, 100*d.keeps(), number("%.2f", lasting(d.Yield)), number("%.2f", lasting(d.Reclaim)))
	}
	return s + fmt.Sprintf("; requests %s ms; page × %.2f (background %.0f %%); queue %.1f / %.1f ms; CPU %.1f %%; forwarder: %s",
		addedCell([]result{r}), r.Page/r.IdlePage, 100*r.Meanwhile, 1e3*r.Queue50, 1e3*r.Queue99, 100*r.CPU, r.Forwarder)
}

// timeline gathers what the instruments have seen.
func (s *stage) timeline(title string, from time.Duration, curves ...curve) *timeline {
	to := s.meter.now()
	for i := range curves {
		curves[i].values = s.meter.of(curves[i].host).bins(from, to)
	}
	return &timeline{
		title: fmt.Sprintf("%s: %s", title, s.path), length: to - from, top: float64(s.path.Rate), deepest: s.path.Buffer.Seconds() * 1e3,
		rates: curves, delay: queue(s.prober.seen(), s.path.Base, from, to),
	}
}

// plot writes the plot of a first run.
func (b *bench) plot(what string, p path, server string, run int, t *timeline) error {
	if b.plots == "" || run > 0 || t == nil {
		return nil
	}
	name := fmt.Sprintf("%s-%d-%dms-%dms-%s.svg", slug(what), p.Rate, p.Buffer.Milliseconds(), p.Base.Milliseconds(), server)
	f, err := os.Create(filepath.Join(b.plots, name))
	if err != nil {
		return err
	}
	return errors.Join(t.svg(f), f.Close())
}

// slug makes a file name of the name of a contestant.
func slug(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !('a' <= r && r <= 'z' || '0' <= r && r <= '9') }), "-")
}
