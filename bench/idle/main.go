//go:build linux

// Command idle measures what a transfer in the background takes from others: ebb beside curl, aria2c and curl with a fixed limit,
// in network namespaces with a bottleneck of their own. It needs root, iproute2, curl and, for its row, aria2; what it
// changes is in its own namespaces only. docs/background.md says what the figures mean.
//
// Files: plan.go is what is to be measured; bed.go the network, namespace.go and forward.go (with way.go and discipline.go) what
// it is made of; server.go (with supply.go) and foreground.go are what runs on it, background.go and send.go the contestants; meter.go and series.go
// watch; cell.go, share.go, situation.go (with scene.go), long.go and fast.go are the measurements, calm.go says which of them count; report.go and
// timeline.go show them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

func main() {
	if err := run(os.Args); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "idle:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 3 && args[1] == forwardCommand {
		return forward(args[2], 0, 3, 4, os.Stdout)
	}
	if len(args) == 2 && args[1] == sendCommand {
		return send()
	}
	o, err := parse(args[1:])
	if err != nil {
		return err
	}
	all, err := plans(o, args[1:])
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return measure(ctx, o, all)
}

// bench is one run of this program.
type bench struct {
	plan          // the one at work
	dir    string // gone afterwards
	ebb    string
	plots  string
	report *report
	eta    eta
	// idle are the lines without a background, each measured once in a round.
	idle map[round]baseline
}

// round is a path in one of the runs.
type round struct {
	path path
	run  int
}

// measure goes through the plans and prints the report.
func measure(ctx context.Context, o options, all []plan) (err error) {
	b := &bench{plots: o.plots, report: newReport(), eta: eta{began: time.Now()}, idle: map[round]baseline{}}
	if b.dir, err = os.MkdirTemp(o.dir, "ebb-idle-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.ebb, err = runner.Ebb(ctx, o.ebb, b.dir); err != nil {
		return err
	}
	b.eta.total = work(all)
	fmt.Fprintf(os.Stderr, "This takes about %s.\n", b.eta.total.Round(time.Minute))
	for _, b.plan = range all {
		if err = b.measurePlan(ctx); err != nil {
			break
		}
	}
	// What there is already took its time.
	if o.into != "" && err == nil {
		return b.report.into(o.into)
	}
	return errors.Join(err, b.report.print(os.Stdout, o.json))
}

func (b *bench) measurePlan(ctx context.Context) error {
	parts := map[string]func(context.Context) error{"cells": b.measureCells, "share": b.measureShares, "situations": b.measureSituations, "long": b.measureLong, "fast": b.measureFast}
	for _, part := range b.parts {
		measure, ok := parts[part]
		if !ok {
			return fmt.Errorf("-only %s: the parts are cells, share, situations, long and fast", part)
		}
		err := measure(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("%s, %s: %w", b.name, part, err)
		}
	}
	return nil
}

// measureCells measures every contestant on every path.
func (b *bench) measureCells(ctx context.Context) error {
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
	base, err := b.baseline(ctx, p, run)
	if err != nil {
		return err
	}
	for _, server := range b.servers {
		for _, c := range b.contestants {
			r, err := calmly(ctx, b, func(r result) float64 { return r.Forwarder.Behind }, func() (result, error) {
				return b.measureCell(ctx, c, server, base, p)
			})
			if ctx.Err() != nil {
				return ctx.Err()
			}
			r.Run, r.Set = run, b.name
			if err != nil {
				r.Failed = strings.TrimSpace(strings.ReplaceAll(err.Error(), "\n", " "))
			}
			b.report.Results = append(b.report.Results, r)
			b.eta.done(b.phases.of(p).cell())
			b.eta.progress("%s; %s server; %s: %s", p, server, c.Name, r)
			if err := b.plot(c.Name, p, server, run, r.timeline); err != nil {
				return err
			}
		}
	}
	return nil
}
