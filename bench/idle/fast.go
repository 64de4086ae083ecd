//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// fast is a file over a line that is faster than what copies it: what holding back costs where there is nobody to make room for.
type fast struct {
	Contestant string  `json:"contestant"`
	Run        int     `json:"run"`
	Rate       float64 `json:"rate"` // bytes per second
	CPU        float64 `json:"cpu"`  // seconds of a core, for the file
	Failed     string  `json:"failed,omitempty"`
}

const (
	fastSize  = 2 << 30
	fastTakes = 5 * time.Second // about, each
)

// fastContestants end when they have the file.
func fastContestants() []contestant {
	ebb := func(priority string) func(context.Context, load) (*background, error) {
		return func(_ context.Context, l load) (*background, error) {
			return startProcess(l.host, l.dir, l.ebb, "get", "--standalone", "--priority", priority, "-d", l.dir, l.url)
		}
	}
	return []contestant{{"curl", startCurl}, {"ebb foreground", ebb("foreground")}, {"ebb low", ebb("low")}}
}

// measureFast has them all fetch the same file, in turns.
func (b *bench) measureFast(ctx context.Context) (err error) {
	client, server, err := lineWithoutBottleneck(ctx)
	if err != nil {
		return err
	}
	defer client.Close()
	defer server.Close()
	s, err := startServer(ctx, server, path{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	for run := range b.runs {
		for _, c := range fastContestants() {
			f := fast{Contestant: c.Name, Run: run}
			if err := b.fetchFast(ctx, c, client, &f); err != nil {
				f.Failed = err.Error()
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
			b.report.Fasts = append(b.report.Fasts, f)
			b.eta.done(fastTakes)
			b.eta.progress("%s: %.2f Gbit/s, %.2f s of a core %s", f.Contestant, f.Rate*8e-9, f.CPU, f.Failed)
		}
	}
	return nil
}

// lineWithoutBottleneck is two machines and a cable.
func lineWithoutBottleneck(ctx context.Context) (client, server *namespace, err error) {
	if client, err = newNamespace("client"); err != nil {
		return nil, nil, err
	}
	if server, err = newNamespace("server"); err != nil {
		client.Close()
		return nil, nil, err
	}
	err = errors.Join(
		client.IP(ctx, "link set lo up\nlink add wan type veth peer name wan netns "+server.Path()+"\nlink set wan up\naddr add 198.18.0.1/24 dev wan"),
		server.IP(ctx, "link set lo up\nlink set wan up\naddr add "+serverIP+"/24 dev wan"))
	if err != nil {
		client.Close()
		server.Close()
	}
	return client, server, err
}

func (b *bench) fetchFast(ctx context.Context, c contestant, host *namespace, f *fast) error {
	dir, err := os.MkdirTemp(b.dir, "fast-")
	if err != nil {
		return err
	}
	began := time.Now()
	p, err := c.start(ctx, load{host: host, url: url("cubic", fastSize), dir: dir, ebb: b.ebb})
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	defer p.end()
	select {
	case <-p.exited:
	case <-ctx.Done():
		return ctx.Err()
	}
	if !p.cmd.ProcessState.Success() {
		return fmt.Errorf("%s: %s: %s", c.Name, p.cmd.ProcessState, p.out.String())
	}
	f.Rate = fastSize / time.Since(began).Seconds()
	f.CPU = (p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()).Seconds()
	return nil
}

func fastsMarkdown(w io.Writer, all []fast) {
	fmt.Fprintf(w, "\n### Two machines and a cable, %d GiB\n\n", fastSize>>30)
	fmt.Fprint(w, "| contestant | Gbit/s | × ebb foreground | CPU, s per GiB |\n|---|---|---|---|\n")
	rate := func(f fast) float64 { return f.Rate * 8e-9 }
	of := func(name string) (out []fast) {
		return slices.DeleteFunc(slices.Clone(all), func(f fast) bool { return f.Contestant != name || f.Failed != "" })
	}
	var unpaced []float64
	for _, f := range of("ebb foreground") {
		unpaced = append(unpaced, rate(f))
	}
	for _, c := range fastContestants() {
		runs := of(c.Name)
		if len(runs) == 0 {
			fmt.Fprintf(w, "| %s | failed | | |\n", c.Name)
			continue
		}
		low, high := spread(runs, slices.Min), spread(runs, slices.Max)
		fmt.Fprintf(w, "| %s | %s | %s | %s |\n", c.Name, low("%.2f", rate),
			low("%.2f", func(f fast) float64 { return rate(f) / median(unpaced) }),
			high("%.2f", func(f fast) float64 { return f.CPU / (fastSize >> 30) }))
	}
}
