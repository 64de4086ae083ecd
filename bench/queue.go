//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// queueLen is how many jobs the daemon gets to keep.
const queueLen = 10_000

// idle measures what a daemon costs that does nothing: empty, and with many jobs that are suspended.
func idle(ctx context.Context, b *bench) error {
	d, err := b.startDaemon(ctx)
	if err != nil {
		return err
	}
	defer func() { d.stop() }()
	t := b.report.figures("idle", "a daemon that has nothing to do", "suspended jobs", "resident memory", "share of one core")
	row := func(jobs string) error {
		rss, share, err := d.idle(ctx)
		if err == nil {
			progress("  %s: %s, %.3f %%", jobs, bytesText(rss), 100*share)
			t.row(jobs, bytesText(rss), fmt.Sprintf("%.3f %%", 100*share))
		}
		return err
	}
	if err := row("0"); err != nil {
		return err
	}
	if _, err := addJobs(ctx, b, d, connections, queueLen); err != nil {
		return err
	}
	if err := row(fmt.Sprintf("%d, just added", queueLen)); err != nil {
		return err
	}
	d.stop()
	if err := d.restart(ctx); err != nil {
		return err
	}
	return row(fmt.Sprintf("%d, restarted", queueLen))
}

// add measures how fast jobs can be added, each of them durable when its answer comes, and how long a
// daemon with all of them takes to start.
func add(ctx context.Context, b *bench) error {
	t := b.report.figures("add", fmt.Sprintf("%d suspended jobs", queueLen), "what", "median", "least", "most")
	var single, singleEnd, parallel, restart []float64
	for round := range b.rounds {
		d, err := b.startDaemon(ctx)
		if err != nil {
			return err
		}
		err = func() error {
			defer func() { d.stop() }()
			r, err := addJobs(ctx, b, d, 1, queueLen)
			if err != nil {
				return err
			}
			single, singleEnd = append(single, r.rate), append(singleEnd, r.lastRate)
			began, err := restartListed(ctx, d, queueLen)
			if err != nil {
				return err
			}
			restart = append(restart, float64(began.Milliseconds()))
			if r, err = addJobs(ctx, b, d, connections, queueLen); err != nil {
				return err
			}
			parallel = append(parallel, r.rate)
			progress("  %d/%d one by one %.0f/s, by %d clients %.0f/s, restart %v", round+1, b.rounds, single[round], connections, parallel[round], began.Round(time.Millisecond))
			return nil
		}()
		if err != nil {
			return err
		}
	}
	t.spread("added one by one on one connection, jobs/s", single)
	t.spread("the same, the last 1,000 of them", singleEnd)
	t.spread(fmt.Sprintf("added by %d clients, jobs/s", connections), parallel)
	t.spread("restart until all are listed, ms", restart)
	return nil
}

// rates are jobs a second: over all jobs, and over the last thousand of the first client.
type rates struct{ rate, lastRate float64 }

// addJobs has clients add n suspended jobs.
func addJobs(ctx context.Context, b *bench, d *daemon, clients, n int) (rates, error) {
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		failed atomic.Pointer[error]
		last   = time.Now()
		began  = last
	)
	for range clients {
		wg.Go(func() {
			err := func() error {
				c, err := d.client(ctx)
				if err != nil {
					return err
				}
				defer c.Close()
				for i := next.Add(1); i <= int64(n); i = next.Add(1) {
					if clients == 1 && i == int64(n)-999 {
						last = time.Now()
					}
					if _, err := c.Create(ctx, suspended(b, int(i))); err != nil {
						return err
					}
				}
				return nil
			}()
			if err != nil {
				failed.Store(&err)
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return rates{}, *err
	}
	return rates{float64(n) / time.Since(began).Seconds(), 1000 / time.Since(last).Seconds()}, ctx.Err()
}

// restartListed stops the daemon and returns how long a new one takes until it has listed all jobs.
func restartListed(ctx context.Context, d *daemon, n int) (time.Duration, error) {
	d.stop()
	began := time.Now()
	if err := d.restart(ctx); err != nil {
		return 0, err
	}
	c, err := d.client(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	count := 0
	for _, err := range c.Jobs(ctx, false) {
		if err != nil {
			return 0, err
		}
		count++
	}
	if count != n {
		return 0, errors.New("after the restart " + fmt.Sprintf("%d of %d jobs are listed", count, n))
	}
	return time.Since(began), nil
}
