//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

// long is an evening on a line: greedy flows, pages and small requests that come at random, without and then with ebb.
type long struct {
	Path       path          `json:"path"`
	Contestant string        `json:"contestant"`
	Congestion string        `json:"server"`
	Length     time.Duration `json:"length_ns"`
	Without    evening       `json:"without"`
	With       evening       `json:"with"`
	Failed     string        `json:"failed,omitempty"`
}

// evening is what was done on the line.
type evening struct {
	Foreground float64   `json:"foreground"` // bytes of the greedy flows
	Line       float64   `json:"line"`       // bytes that came to the person in all, as on the wire
	Background float64   `json:"background"` // bytes that came to the machine, as on the wire
	Requests   []float64 `json:"requests_s"`
	Pages      []float64 `json:"pages_s"`
	Late       float64   `json:"late"` // share of the time
}

// keeps is the share of its bytes that is left to the foreground.
func (l long) keeps() float64 { return l.With.Foreground / l.Without.Foreground }

// uses is the background's share of what the foreground alone would have left of the line.
func (l long) uses() float64 {
	return l.With.Background / (l.Path.capacity()*l.Length.Seconds() - l.Without.Line)
}

// visit is a greedy flow of some length, which begins at its time.
type visit struct {
	at, lasts  time.Duration
	congestion string
}

// visits draws greedy flows with pauses between them: 8 s each on average, so that the line is theirs for half of the time.
// Up to two of them overlap now and then.
func visits(seed uint64, length time.Duration, congestions []string) []visit {
	random := rand.New(rand.NewPCG(seed, 3))
	draw := func(mean time.Duration) time.Duration {
		return min(time.Duration(random.ExpFloat64()*float64(mean)), 4*mean) + time.Second
	}
	var out []visit
	for at := draw(7 * time.Second); ; {
		v := visit{at: at, lasts: draw(7 * time.Second), congestion: congestions[random.IntN(len(congestions))]}
		if v.at+v.lasts >= length {
			return out
		}
		out = append(out, v)
		at += draw(7*time.Second) + v.lasts*time.Duration(4*random.IntN(2)+1)/5
	}
}

func (b *bench) measureLong(ctx context.Context) error {
	for _, p := range b.paths {
		for _, server := range b.servers {
			for _, c := range b.contestants {
				l := long{Path: p, Contestant: c.Name, Congestion: server, Length: b.long}
				var err error
				if l.Without, err = b.evening(ctx, l, nil); err == nil {
					b.eta.done(b.long)
					l.With, err = b.evening(ctx, l, &c)
				}
				if ctx.Err() != nil {
					return ctx.Err()
				}
				if err != nil {
					l.Failed = err.Error()
				}
				b.report.Longs = append(b.report.Longs, l)
				b.eta.done(b.long)
				b.eta.progress("%s", l)
			}
		}
	}
	return nil
}

// evening goes through the same evening each time, with or without a background.
func (b *bench) evening(ctx context.Context, l long, c *contestant) (e evening, err error) {
	s, err := newStage(ctx, l.Path)
	if err != nil {
		return e, err
	}
	defer func() {
		err = errors.Join(err, s.close())
		e.Late = s.forwarder.stats.Behind
	}()
	if c != nil {
		size := int64(l.Path.capacity() * (l.Length + time.Minute).Seconds())
		bg, err := b.begin(ctx, s, *c, load{host: s.clients[machine], url: url(l.Congestion, size)})
		if err != nil {
			return e, err
		}
		defer bg.end()
		defer func() { err = errors.Join(err, bg.running()) }()
	}
	err = s.spend(ctx, visits(1, l.Length, b.phases.Foregrounds), l.Length, &e)
	return e, err
}

// spend has the person use the line for as long as the evening is.
func (s *stage) spend(ctx context.Context, flows []visit, length time.Duration, e *evening) error {
	var bytes atomic.Int64
	errs := make([]error, len(flows)+2)
	var all sync.WaitGroup
	began := s.meter.now()
	for i, v := range flows {
		all.Go(func() {
			if errs[i] = runner.Sleep(ctx, v.at); errs[i] == nil {
				var n int64
				n, errs[i] = s.user.greedy(ctx, v.congestion, v.lasts)
				bytes.Add(n)
			}
		})
	}
	all.Go(func() {
		took, err := s.user.requests(ctx, length)
		e.Requests, errs[len(flows)] = seconds(took), err
	})
	all.Go(func() {
		for s.meter.now()-began < length-10*time.Second && errs[len(flows)+1] == nil {
			var took time.Duration
			took, errs[len(flows)+1] = s.user.page(ctx)
			e.Pages = append(e.Pages, took.Seconds())
			errs[len(flows)+1] = errors.Join(errs[len(flows)+1], runner.Sleep(ctx, 5*time.Second))
		}
	})
	all.Wait()
	until := s.meter.now()
	e.Foreground = float64(bytes.Load())
	e.Line, e.Background = s.meter.of(person).bytes(began, until), s.meter.of(machine).bytes(began, until)
	return errors.Join(errs...)
}

// String is the evening in a line.
func (l long) String() string {
	if l.Failed != "" {
		return fmt.Sprintf("%s; %s: failed: %s", l.Path, l.Contestant, l.Failed)
	}
	return fmt.Sprintf("%s; %s: foreground keeps %.1f %%, background uses %.1f %% of what was left", l.Path, l.Contestant, 100*l.keeps(), 100*l.uses())
}

func (l long) markdown(w io.Writer) {
	fmt.Fprintf(w, "\n### %s of random foreground, %s, background %s from a %s server\n\n", l.Length, l.Path, l.Contestant, l.Congestion)
	if l.Failed != "" {
		fmt.Fprintln(w, "Failed:", l.Failed)
		return
	}
	fmt.Fprintln(w, "| | without | with |\n|---|---|---|")
	fmt.Fprintf(w, "| greedy flows, MB | %.1f | %.1f (%.1f %%) |\n", l.Without.Foreground/1e6, l.With.Foreground/1e6, 100*l.keeps())
	fmt.Fprintf(w, "| background, MB | | %.1f (%.1f %% of what was left) |\n", l.With.Background/1e6, 100*l.uses())
	for _, q := range []float64{0.5, 0.99} {
		fmt.Fprintf(w, "| small requests, p%.0f, ms | %.0f | %.0f |\n", 100*q, 1e3*quantile(l.Without.Requests, q), 1e3*quantile(l.With.Requests, q))
	}
	fmt.Fprintf(w, "| pages, median, s | %.2f | %.2f |\n", median(l.Without.Pages), median(l.With.Pages))
	fmt.Fprintf(w, "| %s | %s | %s |\n", lateHead, lateCell([]float64{l.Without.Late}), lateCell([]float64{l.With.Late}))
}
