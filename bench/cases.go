//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
)

// benchCase is one thing that is measured.
type benchCase struct {
	name string
	what string
	run  func(context.Context, *bench) error
}

// cases returns all of them, in the order in which they run.
func cases() []benchCase {
	return []benchCase{
		{"large", "one large file", large},
		{"small", "10,000 files of 16 KiB", small},
		{"medium", "100 files of 10 MiB", medium},
		{"https", "one large file over TLS 1.3", https},
		{"latency", "one small file through a running daemon", latency},
		{"idle", "a daemon that has nothing to do", idle},
		{"add", "suspended jobs: how many can be added in a second, and how long a restart with them takes", add},
		{"crash", "kill -9 half-way: what is fetched twice", crash},
	}
}

const latencyTries = 40

func caseNames() []string {
	var out []string
	for _, c := range cases() {
		out = append(out, c.name)
	}
	return out
}

// large is one large file.
func large(ctx context.Context, b *bench) error {
	return b.compare(ctx, "large", 1, b.size, false)
}

// small is many small files, in one job.
func small(ctx context.Context, b *bench) error {
	return b.compare(ctx, "small", 10_000, 16<<10, false)
}

// medium is files that are neither.
func medium(ctx context.Context, b *bench) error {
	return b.compare(ctx, "medium", 100, 10<<20, false)
}

// https is one large file over TLS 1.3.
func https(ctx context.Context, b *bench) error {
	return b.compare(ctx, "https", 1, b.size/2, true)
}

// compare has every program do the same download in every round, in another order each time.
func (b *bench) compare(ctx context.Context, name string, n int, size int64, tls bool) error {
	// The same content serves all cases with one size.
	names, err := b.server.content(ctx, fmt.Sprintf("%dx%d", n, size), n, size)
	if err != nil {
		return err
	}
	d := download{base: b.server.http, names: names, size: size}
	if tls {
		d.base, d.cert = b.server.https, b.server.cert
	}
	daemon, err := b.startDaemon(ctx)
	if err != nil {
		return err
	}
	defer daemon.stop()
	programs := b.able(n)
	// The content is read from the disk, and programs are loaded, before anything counts.
	if _, err := b.do(ctx, programs[0], d, daemon); err != nil {
		return fmt.Errorf("warm up: %w", err)
	}
	t := b.report.compare(name, fmt.Sprintf("%d × %s", n, bytesText(size)), programs)
	for round := range b.rounds {
		for i := range programs {
			p := programs[(i+round)%len(programs)]
			u, err := b.do(ctx, p, d, daemon)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			progress("  %d/%d %-13s %s", round+1, b.rounds, p.name, outcomeText(u, err))
			t.add(round, p.name, u, err)
		}
	}
	return nil
}

// able are the programs for a download of n files. wget fetches one after another.
func (b *bench) able(n int) []program {
	return slices.DeleteFunc(slices.Clone(b.programs), func(p program) bool { return p.name == "wget" && n > 1 })
}

// latency is how long the smallest download takes, from the start of the command to its end.
func latency(ctx context.Context, b *bench) error {
	names, err := b.server.content(ctx, "latency", 1, 16<<10)
	if err != nil {
		return err
	}
	daemon, err := b.startDaemon(ctx)
	if err != nil {
		return err
	}
	defer daemon.stop()
	d := download{base: b.server.http, names: names, size: 16 << 10}
	programs := slices.DeleteFunc(slices.Clone(b.programs), func(p program) bool { return p.sync })
	t := b.report.compare("latency", "one file of 16 KiB, from the start of the command to its end", programs)
	for try := range latencyTries {
		for i := range programs {
			p := programs[(i+try)%len(programs)]
			u, err := b.do(ctx, p, d, daemon)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				progress("  %d/%d %-13s %s", try+1, latencyTries, p.name, outcomeText(u, err))
			}
			t.add(try, p.name, u, err)
		}
		if try%10 == 9 {
			progress("  %d/%d", try+1, latencyTries)
		}
	}
	return nil
}

// check reports whether all that was to be downloaded is there and right.
func (d download) check(root string) error {
	for _, name := range d.names {
		got := filepath.Join(d.into, filepath.Base(name))
		if err := sameFile(filepath.Join(root, name), got); err != nil {
			return fmt.Errorf("%s is not what the server has: %w", filepath.Base(name), err)
		}
	}
	entries, err := os.ReadDir(d.into)
	if err == nil && len(entries) != len(d.names) {
		err = fmt.Errorf("%d files instead of %d", len(entries), len(d.names))
	}
	return err
}

func sameFile(want, got string) error {
	a, err := os.Open(want)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // they were only read
	b, err := os.Open(got)
	if err != nil {
		return err
	}
	defer func() { _ = b.Close() }()
	bufA, bufB := make([]byte, 256<<10), make([]byte, 256<<10)
	for at := 0; ; at += len(bufA) {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return fmt.Errorf("it differs after byte %d", at)
		}
		if errA != nil || errB != nil {
			end := func(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
			if end(errA) && end(errB) {
				return nil
			}
			return errors.Join(errA, errB)
		}
	}
}

func outcomeText(u usage, err error) string {
	if err != nil {
		return "failed: " + err.Error()
	}
	return fmt.Sprintf("%7.2f s  %6.2f CPU s  %s", u.Wall.Seconds(), u.CPU.Seconds(), bytesText(u.Peak))
}

func bytesText(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.4g GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.3g MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%d KiB", n>>10)
}
