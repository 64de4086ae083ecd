//go:build linux

// Command idle measures what a download in the background takes from others: ebb beside curl, aria2c and curl with a fixed limit,
// in network namespaces with a bottleneck of their own. It needs root, iproute2, curl and, for its row, aria2; what it
// changes is in its own namespaces only. docs/background.md says what the figures mean.
//
// Files: bed.go is the network, namespace.go and forward.go (with way.go) what it is made of; server.go and foreground.go are what
// runs on it, background.go the contestants; meter.go and series.go watch; cell.go, share.go and long.go are what is measured;
// report.go, timeline.go and plot.go show it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

type options struct {
	only        string
	quick       bool
	rates       string
	buffers     string
	bases       string
	contestants string
	foregrounds string
	servers     string
	loss        float64
	jitter      time.Duration
	queue       string
	here        bool
	runs        int
	long        time.Duration
	dir         string
	ebb         string
	plots       string
	json        bool
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == forwardCommand {
		exit(forward(os.Args[2], 0, 3, 4, os.Stdout))
		return
	}
	var o options
	flag.StringVar(&o.only, "only", "cells,share", "comma-separated `parts`: cells, share (two background flows), long (see -long)")
	flag.BoolVar(&o.quick, "quick", false, "one run of the main cells, in less than three minutes, where nothing else is asked for")
	flag.StringVar(&o.rates, "rates", "20,100", "of the bottleneck, in `Mbit/s`")
	flag.StringVar(&o.buffers, "buffers", "50,100,200", "of the bottleneck, in `ms`")
	flag.StringVar(&o.bases, "bases", "20,100", "round trips of the idle line, in `ms`")
	flag.StringVar(&o.contestants, "contestants", strings.Join(names(contestants()), ","), "`names`")
	flag.StringVar(&o.foregrounds, "foregrounds", "cubic,bbr", "congestion `controls` of the greedy foreground's server")
	flag.StringVar(&o.servers, "servers", "cubic", "congestion `controls` of the background's server: cubic, bbr")
	flag.Float64Var(&o.loss, "loss", 0, "`share` of the packets to the clients that get lost at random")
	flag.DurationVar(&o.jitter, "jitter", 0, "mean of what is added to the delay for 10 ms each")
	flag.StringVar(&o.queue, "queue", "", "`discipline` of the bottleneck: codel or fq-codel instead of one queue, first in, first out")
	flag.BoolVar(&o.here, "here", false, "the foreground is on the machine of the background, not on another one")
	flag.IntVar(&o.runs, "runs", 3, "how often each cell is measured")
	flag.DurationVar(&o.long, "long", 10*time.Minute, "how long the run with a random foreground takes, once with and once without ebb")
	flag.StringVar(&o.dir, "dir", os.TempDir(), "`folder` for a temporary folder with what is downloaded")
	flag.StringVar(&o.ebb, "ebb", "", "ebb `program` to measure (default: built from ./cmd/ebb)")
	flag.StringVar(&o.plots, "plots", "", "`folder` for a plot of the first run of each cell")
	flag.BoolVar(&o.json, "json", false, "print JSON instead of tables, with the figures of every run")
	flag.Parse()
	if o.quick {
		exit(applyQuick())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	exit(err)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "idle:", err)
		os.Exit(1)
	}
}

// bench is one run of this program.
type bench struct {
	dir         string // gone afterwards
	ebb         string
	paths       []path
	contestants []contestant
	servers     []string
	phases      phases
	runs        int
	long        time.Duration
	plots       string
	report      *report
	eta         eta
}

func run(ctx context.Context, o options) (err error) {
	b, err := newBench(o)
	if err != nil {
		return err
	}
	if b.dir, err = os.MkdirTemp(o.dir, "ebb-idle-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if err := b.build(ctx, o.ebb); err != nil {
		return err
	}
	b.report = newReport()
	parts := map[string]func(context.Context) error{"cells": b.measureCells, "share": b.measureShares, "long": b.measureLong}
	for part := range strings.SplitSeq(o.only, ",") {
		measure, ok := parts[part]
		if !ok {
			return fmt.Errorf("-only %s: the parts are cells, share and long", part)
		}
		err := measure(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part, err)
		}
	}
	return b.report.print(os.Stdout, o.json)
}

// quick is what -quick asks for.
var quick = map[string]string{
	"only": "cells", "rates": "100", "buffers": "100", "bases": "20", "contestants": "curl,ebb low", "runs": "1",
}

// applyQuick sets the flags that were not given.
func applyQuick() error {
	given := map[string]bool{}
	flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
	for name, value := range quick {
		if !given[name] {
			if err := flag.Set(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func newBench(o options) (*bench, error) {
	b := &bench{runs: o.runs, long: o.long, plots: o.plots, servers: strings.Split(o.servers, ",")}
	b.phases = phases{
		Lead: 5 * time.Second, Alone: 8 * time.Second, Greedy: 10 * time.Second, Gap: 7 * time.Second, Requests: 8 * time.Second, Pages: 5,
		Foregrounds: strings.Split(o.foregrounds, ","),
	}
	if o.quick {
		b.phases.Lead, b.phases.Alone, b.phases.Greedy, b.phases.Gap, b.phases.Pages = 4*time.Second, 5*time.Second, 8*time.Second, 5*time.Second, 3
	}
	for name := range strings.SplitSeq(o.contestants, ",") {
		all := contestants()
		i := slices.Index(names(all), name)
		if i < 0 {
			return nil, fmt.Errorf("-contestants %s: they are %s", name, strings.Join(names(all), ", "))
		}
		b.contestants = append(b.contestants, all[i])
	}
	for _, c := range slices.Concat(b.servers, b.phases.Foregrounds) {
		if ports[c] == 0 {
			return nil, fmt.Errorf("congestion control %q: there are cubic and bbr", c)
		}
	}
	if !slices.Contains([]string{"", codelQueue, fqCodelQueue}, o.queue) {
		return nil, fmt.Errorf("-queue %s: there are %s and %s", o.queue, codelQueue, fqCodelQueue)
	}
	rates, err1 := numbers("-rates", o.rates)
	bases, err2 := numbers("-bases", o.bases)
	buffers, err3 := numbers("-buffers", o.buffers)
	for _, rate := range rates {
		for _, base := range bases {
			for _, buffer := range buffers {
				b.paths = append(b.paths, path{
					Rate: rate, Buffer: time.Duration(buffer) * time.Millisecond, Base: time.Duration(base) * time.Millisecond, Loss: o.loss, Jitter: o.jitter, Queue: o.queue, Here: o.here,
				})
			}
		}
	}
	return b, errors.Join(err1, err2, err3)
}

func numbers(what, list string) ([]int, error) {
	var out []int
	for s := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(s))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s: %q is not a positive number", what, s)
		}
		out = append(out, n)
	}
	return out, nil
}

func names(cs []contestant) []string {
	var out []string
	for _, c := range cs {
		out = append(out, c.Name)
	}
	return out
}

// build makes the ebb to measure, as it is released.
func (b *bench) build(ctx context.Context, given string) (err error) {
	if given != "" {
		b.ebb, err = filepath.Abs(given)
		return err
	}
	b.ebb = filepath.Join(b.dir, "ebb")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.ebb, "./cmd/ebb")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build ebb (run this in the root of the module, or give -ebb): %w\n%s", err, out)
	}
	return nil
}

// measureCells measures every contestant on every path.
func (b *bench) measureCells(ctx context.Context) error {
	var work time.Duration
	for _, p := range b.paths {
		f := b.phases.of(p)
		work += time.Duration(b.runs) * (f.baseline() + time.Duration(len(b.contestants)*len(b.servers))*(f.cell()+2*time.Second))
	}
	b.eta.begin(work)
	for run := range b.runs {
		for _, p := range b.paths {
			if err := b.measurePath(ctx, p, run); err != nil {
				return err
			}
		}
	}
	return nil
}

// measurePath measures every contestant on a path, once.
func (b *bench) measurePath(ctx context.Context, p path, run int) error {
	base, err := b.measureBaseline(ctx, p)
	if err != nil {
		return err
	}
	b.eta.done(b.phases.of(p).baseline())
	for _, server := range b.servers {
		for _, c := range b.contestants {
			r, err := b.measureCell(ctx, c, server, base, p)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.Run = run
			if err != nil {
				r.Failed = strings.TrimSpace(strings.ReplaceAll(err.Error(), "\n", " "))
			}
			b.report.Results = append(b.report.Results, r)
			b.eta.done(b.phases.of(p).cell() + 2*time.Second)
			b.eta.progress("%s; %s server; %s: %s", p, server, c.Name, r)
			if err := b.plot(c.Name, p, server, run, r.timeline); err != nil {
				return err
			}
		}
	}
	return nil
}
