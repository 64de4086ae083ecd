//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

// shareFor is how long two backgrounds are watched, and shareLater how much later the second one starts.
const (
	shareFor   = 40 * time.Second
	shareLater = 8 * time.Second
	stretch    = 5 * time.Second // within which it is fair, too, if it is not by turns
	sharing    = shareFor + shareLater + setup
)

// share is how two background transfers on two machines divide the line.
type share struct {
	Path       path           `json:"path"`
	Contestant string         `json:"contestant"`
	Congestion string         `json:"server"`
	Run        int            `json:"run"`
	Failed     string         `json:"failed,omitempty"`
	Shares     [2]float64     `json:"shares"` // of the link; the first is the one that started first
	Jain       float64        `json:"jain"`
	Stretches  []float64      `json:"stretches"` // Jain's index of each stretch
	Forwarder  forwarderStats `json:"forwarder"`
	timeline   *timeline
}

func (s share) late() float64 { return s.Forwarder.Behind }

// measureShares measures every contestant beside a second one of its kind.
func (b *bench) measureShares(ctx context.Context) error {
	for run := range b.runs {
		for _, p := range b.paths {
			for _, server := range b.servers {
				for _, c := range b.contestants {
					s, err := calmly(ctx, b, share.late, func() (share, error) {
						s := share{Path: p, Contestant: c.Name, Congestion: server, Run: run}
						err := b.measureShare(ctx, c, &s)
						return s, err
					})
					if ctx.Err() != nil {
						return ctx.Err()
					}
					if err != nil {
						s.Failed = strings.ReplaceAll(err.Error(), "\n", " ")
					}
					b.report.Shares = append(b.report.Shares, s)
					b.eta.done(sharing)
					b.eta.progress("%s; %s server; two of %s: Jain %.3f, shares %.2f, %.2f in stretches %s", p, server, c.Name, s.Jain, s.Shares, s.Stretches, s.Failed)
					if err := b.plot("two "+c.Name, p, server, run, s.timeline); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func (b *bench) measureShare(ctx context.Context, c contestant, r *share) (err error) {
	s, err := newStage(ctx, r.Path)
	if err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, s.close())
		r.Forwarder = s.forwarder.stats
	}()
	began := s.meter.now()
	size := int64(r.Path.capacity() * (shareFor + shareLater + 10*time.Second).Seconds())
	first, err := b.begin(ctx, s, c, load{host: s.clients[machine], url: url(r.Congestion, size)})
	if err != nil {
		return err
	}
	defer first.end()
	if err := runner.Sleep(ctx, shareLater); err != nil {
		return err
	}
	second, err := b.begin(ctx, s, c, load{host: s.clients[neighbor], url: url(r.Congestion, size)})
	if err != nil {
		return err
	}
	defer second.end()
	at := s.meter.now()
	if err := runner.Sleep(ctx, shareFor); err != nil {
		return err
	}
	until := s.meter.now()
	one, other := s.meter.of(machine), s.meter.of(neighbor)
	r.Shares = [2]float64{one.rate(at, until) / r.Path.capacity(), other.rate(at, until) / r.Path.capacity()}
	r.Jain = jain(r.Shares[:])
	for ; at+stretch <= until; at += stretch {
		r.Stretches = append(r.Stretches, jain([]float64{one.bytes(at, at+stretch), other.bytes(at, at+stretch)}))
	}
	r.timeline = s.timeline("two of "+c.Name, began, curve{name: "first", host: machine}, curve{name: "second", host: neighbor})
	return errors.Join(first.running(), second.running())
}

func sharesMarkdown(w io.Writer, shares []share) {
	fmt.Fprintf(w, "\n### Two background transfers of two machines, over %.0f s\n\n", shareFor.Seconds())
	fmt.Fprintf(w, "| path | server | background | Jain, median (worst) | within %.0f s | both together, %% of the link | %s |\n|---|---|---|---|---|---|---|\n", stretch.Seconds(), lateHead)
	for len(shares) > 0 {
		first := shares[0]
		var index, within, sum, late []float64
		shares = slices.DeleteFunc(slices.Clone(shares), func(s share) bool {
			if s.Path != first.Path || s.Contestant != first.Contestant || s.Congestion != first.Congestion {
				return false
			}
			if s.Failed == "" {
				index, within, sum = append(index, s.Jain), append(within, s.Stretches...), append(sum, 100*(s.Shares[0]+s.Shares[1]))
				late = append(late, s.late())
			}
			return true
		})
		if len(index) == 0 {
			fmt.Fprintf(w, "| %s | %s | %s | failed: %s | | | |\n", first.Path, first.Congestion, first.Contestant, first.Failed)
			continue
		}
		fmt.Fprintf(w, "| %s | %s | %s | %.3f (%.3f) | %.3f (%.3f) | %.0f | %s |\n", first.Path, first.Congestion, first.Contestant,
			median(index), slices.Min(index), median(within), slices.Min(within), median(sum), lateCell(late))
	}
}
