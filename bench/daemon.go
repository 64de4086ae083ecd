//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/bench/internal/runner"
	"github.com/ebb-transfer/ebb/job"
)

// daemon is the ebb service under test, with a state folder of its own.
type daemon struct {
	*process
	ebb    string
	socket string
	env    []string // for commands that shall talk to it
}

// startDaemon starts a daemon with an empty state.
func (b *bench) startDaemon(ctx context.Context) (*daemon, error) {
	dir, err := os.MkdirTemp(b.dir, "state-")
	if err != nil {
		return nil, err
	}
	d := &daemon{ebb: b.ebb, socket: filepath.Join(dir, "ebb.sock")}
	d.env = []string{"EBB_STATE_DIR=" + dir, "EBB_SOCKET=" + d.socket}
	return d, d.restart(ctx)
}

// restart starts the daemon, on the state that is there, and waits until it answers.
func (d *daemon) restart(ctx context.Context) (err error) {
	if d.process, err = start([]string{d.ebb, "daemon"}, d.env); err != nil {
		return err
	}
	err = d.await(ctx, func() error {
		c, err := d.client(ctx)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Status(ctx)
		return err
	})
	if err != nil {
		d.stop()
	}
	return err
}

func (d *daemon) client(ctx context.Context) (*ebb.Client, error) {
	return ebb.Dial(ctx, ebb.Options{Socket: d.socket})
}

// measure adds to the usage of work what the daemon has used meanwhile.
func (d *daemon) measure(work func() (usage, error)) (usage, error) {
	if err := resetPeak(d.pid()); err != nil {
		return usage{}, err
	}
	before, err := runner.CPUTime(d.pid())
	if err != nil {
		return usage{}, err
	}
	u, err := work()
	if err != nil {
		return u, err
	}
	after, err := runner.CPUTime(d.pid())
	u.CPU += after - before
	u.Peak += memory(d.pid(), "VmHWM:")
	return u, err
}

// idle returns the resident memory of the daemon, and the share of one core that it uses while nobody
// asks anything of it.
func (d *daemon) idle(ctx context.Context) (rss int64, share float64, err error) {
	const settle, watch = 10 * time.Second, 20 * time.Second // a daemon gives memory back after 5 s
	if err := runner.Sleep(ctx, settle); err != nil {
		return 0, 0, err
	}
	before, err := runner.CPUTime(d.pid())
	if err != nil {
		return 0, 0, err
	}
	if err := runner.Sleep(ctx, watch); err != nil {
		return 0, 0, err
	}
	after, err := runner.CPUTime(d.pid())
	return memory(d.pid(), "VmRSS:"), (after - before).Seconds() / watch.Seconds(), err
}

// suspended is the n-th of many jobs that wait for somebody to resume them.
func suspended(b *bench, n int) job.Spec {
	spec := job.Spec{Settings: job.DefaultSettings()}
	spec.Files = []job.FileSpec{{
		URL:   fmt.Sprintf("%sjob/%d/image.iso", b.server.http, n),
		Local: filepath.Join(b.dir, fmt.Sprintf("image-%d.iso", n)),
	}}
	return spec
}
