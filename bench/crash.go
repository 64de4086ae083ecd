//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

// crash kills a download with SIGKILL half-way, lets it go on and counts what the server has sent in all. What
// a program had written when it was killed is still in the page cache, so nothing of it has to be fetched
// twice; what was in flight, in the buffers of the sockets, has to.
func crash(ctx context.Context, b *bench) error {
	size := b.size / 2
	names, err := b.server.content(ctx, fmt.Sprintf("1x%d", size), 1, size)
	if err != nil {
		return err
	}
	d := download{base: b.server.http + "counted/", names: names, size: size}
	t := b.report.figures("crash", fmt.Sprintf("kill -9 half-way through %s at 200 MB/s", bytesText(size)),
		"program", "of what was written, fetched again (most)", "fetched twice with what was in flight (most)", "tries")
	for _, p := range b.programs {
		kill := b.killed(p)
		if kill == nil {
			continue
		}
		var lost, twice int64
		failure := ""
		for try := range b.rounds {
			l, w, err := b.crashOnce(ctx, d, kill)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				failure = "failed: " + err.Error()
				break
			}
			lost, twice = max(lost, l), max(twice, w)
			progress("  %d/%d %-13s %s again, %s with what was in flight", try+1, b.rounds, p.name, bytesText(l), bytesText(w))
		}
		if failure != "" {
			t.row(p.name, failure, "", "")
			continue
		}
		t.row(p.name, bytesText(lost), bytesText(twice), strconv.Itoa(b.rounds))
	}
	return nil
}

// killer starts a download into a folder, kills it when half says so, and has it finished.
type killer func(ctx context.Context, d download, half func() error) error

// killed returns how a program is killed and goes on; nil for those that are not compared.
func (b *bench) killed(p program) killer {
	switch {
	case p.ebb:
		return b.killEbb
	case p.name == "curl":
		return func(ctx context.Context, d download, half func() error) error {
			return killCommand(ctx, []string{p.path, "-q", "-s", "-S", "--fail", "-C", "-", "-o", filepath.Join(d.into, filepath.Base(d.names[0])), d.urls()[0]}, half)
		}
	case p.name == "aria2c":
		return func(ctx context.Context, d download, half func() error) error {
			return killCommand(ctx, []string{p.path, "--no-conf", "--quiet", "-c", "--allow-overwrite=true", "-x1", "--file-allocation=none", "-d", d.into, d.urls()[0]}, half)
		}
	}
	return nil
}

func killCommand(ctx context.Context, argv []string, half func() error) error {
	p, err := start(argv, nil)
	if err != nil {
		return err
	}
	err = half()
	p.kill()
	if err != nil {
		return err
	}
	_, err = measure(ctx, argv, nil)
	return err
}

func (b *bench) killEbb(ctx context.Context, d download, half func() error) error {
	daemon, err := b.startDaemon(ctx)
	if err != nil {
		return err
	}
	defer func() { daemon.stop() }()
	c, err := daemon.client(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	j, err := c.Create(ctx, ebb.Download(d.urls()[0], filepath.Join(d.into, filepath.Base(d.names[0]))))
	if err != nil {
		return err
	}
	err = half()
	daemon.kill()
	if err != nil {
		return err
	}
	if err := daemon.restart(ctx); err != nil {
		return err
	}
	for snap, err := range c.Watch(ctx, string(j.ID)) {
		if err != nil || ebb.AtRest(snap) {
			return err
		}
	}
	return ctx.Err()
}

// crashOnce returns how many of the written bytes were fetched again, and how many the server has sent twice.
func (b *bench) crashOnce(ctx context.Context, d download, kill killer) (lost, twice int64, err error) {
	if d.into, err = os.MkdirTemp(b.dir, "crash-"); err != nil {
		return 0, 0, err
	}
	defer func() { _ = os.RemoveAll(d.into) }()
	if err := os.Truncate(b.server.log, 0); err != nil && !os.IsNotExist(err) {
		return 0, 0, err
	}
	var written int64
	half := func() error {
		for written < d.size/2 {
			if err := runner.Sleep(ctx, time.Millisecond); err != nil {
				return err
			}
			written = longest(d.into)
		}
		return nil
	}
	killThen := func(ctx context.Context, d download, half func() error) error {
		return kill(ctx, d, func() error {
			err := half()
			written = longest(d.into)
			return err
		})
	}
	if err := killThen(ctx, d, half); err != nil {
		return 0, 0, err
	}
	if err := d.check(b.server.root); err != nil {
		return 0, 0, err
	}
	sent, from, err := readSent(b.server.log)
	if err != nil {
		return 0, 0, err
	}
	return max(written-from, 0), sent - d.size, nil
}

// longest is the length of the longest file in a folder.
func longest(dir string) int64 {
	var n int64
	entries, _ := os.ReadDir(dir) // a file may go while we look
	for _, e := range entries {
		if fi, err := e.Info(); err == nil {
			n = max(n, fi.Size())
		}
	}
	return n
}

// readSent sums up nginx's log: the bytes that were sent, and the offset that the last request asked for.
func readSent(name string) (sent, from int64, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		var n int64
		var asked string
		if _, err := fmt.Sscan(line, &n, &asked); err != nil {
			return 0, 0, fmt.Errorf("a line of nginx's log: %w", err)
		}
		sent += n
		first, _, _ := strings.Cut(strings.TrimPrefix(asked, "bytes="), "-")
		from, _ = strconv.ParseInt(first, 10, 64) // "-" for no Range at all
	}
	return sent, from, nil
}
