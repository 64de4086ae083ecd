//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

// phases is how long each part of a cell takes.
type phases struct {
	Lead     time.Duration // the background starts, nothing is counted yet
	Alone    time.Duration // the background has the line for itself
	Greedy   time.Duration // a greedy flow wants it, for each congestion control of the foreground
	Gap      time.Duration // after each of them
	Requests time.Duration // small requests beside the background
	Pages    int           // pages beside the background
	// Foregrounds are the congestion controls of the greedy flows.
	Foregrounds []string
}

// of stretches the phases for paths on which everything takes longer.
func (f phases) of(p path) phases {
	if p.Base < 60*time.Millisecond {
		return f
	}
	f.Lead, f.Alone, f.Greedy, f.Gap = f.Lead*3/2, f.Alone*3/2, f.Greedy*3/2, f.Gap*3/2
	return f
}

// baseline and cell are how long they take, if each page takes a second.
func (f phases) baseline() time.Duration {
	return time.Duration(len(f.Foregrounds))*(f.Greedy+time.Second) + f.Requests/2 + time.Duration(f.Pages)*time.Second + setup
}

func (f phases) cell() time.Duration {
	return f.Lead + f.Alone + time.Duration(len(f.Foregrounds))*(f.Greedy+f.Gap) + f.Requests + time.Duration(f.Pages)*time.Second + setup
}

// duel is what one greedy flow and the background did to each other.
type duel struct {
	Congestion string  `json:"foreground"`
	Solo       float64 `json:"solo"`      // bytes per second of the greedy flow alone
	Beside     float64 `json:"beside"`    // the same beside the background
	Yield      float64 `json:"yield_s"`   // −1: never
	Reclaim    float64 `json:"reclaim_s"` // −1: never
}

// keeps is the share of its solo rate that is left to the greedy flow.
func (d duel) keeps() float64 { return d.Beside / d.Solo }

// result is one contestant on one path in one run.
type result struct {
	Set        string         `json:"set"`
	Path       path           `json:"path"`
	Contestant string         `json:"contestant"`
	Congestion string         `json:"server"` // of the background's server
	Run        int            `json:"run"`
	Failed     string         `json:"failed,omitempty"`
	Alone      float64        `json:"alone"` // share of the link
	Duels      []duel         `json:"duels,omitempty"`
	Idle       []float64      `json:"idle_requests_s,omitempty"` // small requests on the idle line
	Requests   []float64      `json:"requests_s,omitempty"`      // and beside the background
	IdlePage   float64        `json:"idle_page_s,omitempty"`
	Page       float64        `json:"page_s,omitempty"`
	Meanwhile  float64        `json:"meanwhile"` // share of the link that the background had while pages were loaded
	Queue50    float64        `json:"queue50_s"` // what the background alone adds to the delay of small packets
	Queue99    float64        `json:"queue99_s"`
	CPU        float64        `json:"cpu"` // cores for 100 Mbit/s
	Forwarder  forwarderStats `json:"forwarder"`
	Baseline   forwarderStats `json:"baseline_forwarder"`
	timeline   *timeline
}

// late is how disturbed what it tells is: the cell, or the baseline that it is compared with.
func (r result) late() float64 { return max(r.Forwarder.Behind, r.Baseline.Behind) }

// baseline is the same path without any background.
type baseline struct {
	solo      map[string]float64 // bytes per second of a greedy flow, by its congestion control
	requests  []time.Duration
	page      time.Duration
	forwarder forwarderStats
}

// stage is a bed with its server and instruments, for one cell.
type stage struct {
	*bed
	server *server
	meter  *meter
	prober *prober
	user   *user
}

func newStage(ctx context.Context, p path) (s *stage, err error) {
	b, err := newBed(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("set up the bed: %w", err)
	}
	s = &stage{bed: b, user: &user{host: b.clients[person]}}
	if p.Here {
		s.user.host = b.clients[machine]
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.server, err = startServer(ctx, b.server, p); err != nil {
		return s, err
	}
	if p.Up {
		s.user.sunk = s.server.sunk[person].Load
	}
	if s.meter, err = startMeter(ctx, b, s.user, s.server); err != nil {
		return s, err
	}
	s.prober, err = startProber(ctx, s.user.host, s.meter.now)
	return s, err
}

func (s *stage) close() error {
	if s.prober != nil {
		s.prober.stop()
	}
	if s.meter != nil {
		s.meter.stop()
	}
	var err error
	if s.server != nil {
		err = s.server.close()
	}
	return errors.Join(err, s.bed.close())
}

// measureBaseline does all that a cell does, without a background.
func (b *bench) measureBaseline(ctx context.Context, p path) (base baseline, err error) {
	s, err := newStage(ctx, p)
	if err != nil {
		return base, err
	}
	defer func() {
		err = errors.Join(err, s.close())
		base.forwarder = s.forwarder.stats
	}()
	f := b.phases.of(p)
	base.solo = map[string]float64{}
	for _, congestion := range f.Foregrounds {
		n, err := s.user.greedy(ctx, congestion, f.Greedy)
		if err != nil {
			return base, err
		}
		base.solo[congestion] = float64(n) / f.Greedy.Seconds()
		if err := runner.Sleep(ctx, time.Second); err != nil { // the queue runs empty
			return base, err
		}
	}
	// No more than their median is asked for.
	if base.requests, err = s.user.requests(ctx, f.Requests/2); err != nil {
		return base, err
	}
	base.page, err = s.pages(ctx, f.Pages)
	return base, err
}

// pages loads some pages and returns the median time.
func (s *stage) pages(ctx context.Context, n int) (time.Duration, error) {
	var took []float64
	for range n {
		d, err := s.user.page(ctx)
		if err == nil {
			err = runner.Sleep(ctx, 500*time.Millisecond)
		}
		if err != nil {
			return 0, err
		}
		took = append(took, d.Seconds())
	}
	return time.Duration(median(took) * float64(time.Second)), nil
}

// measureCell measures one contestant on one path.
func (b *bench) measureCell(ctx context.Context, c contestant, congestion string, base baseline, p path) (r result, err error) {
	r = result{
		Path: p, Contestant: c.Name, Congestion: congestion,
		IdlePage: base.page.Seconds(), Idle: seconds(base.requests), Baseline: base.forwarder,
	}
	s, err := newStage(ctx, p)
	if err != nil {
		return r, err
	}
	defer func() {
		err = errors.Join(err, s.close())
		r.Forwarder = s.forwarder.stats
	}()
	f := b.phases.of(p)
	if err := runner.Sleep(ctx, time.Second); err != nil { // for the prober: the line without anything
		return r, err
	}
	began := s.meter.now()
	most := f.cell() + time.Duration(f.Pages)*10*time.Second
	bg, err := b.begin(ctx, s, c, load{host: s.clients[machine], url: url(congestion, int64(p.capacity()*most.Seconds()))})
	if err != nil {
		return r, err
	}
	defer bg.end()
	if err := s.act(ctx, f, &r, bg, base); err != nil {
		return r, err
	}
	r.timeline = s.timeline(c.Name, began-time.Second, curve{name: "background", host: machine}, curve{name: "foreground", host: person})
	return r, bg.running()
}

// act goes through the phases of a cell.
func (s *stage) act(ctx context.Context, f phases, r *result, bg *background, base baseline) error {
	if err := runner.Sleep(ctx, f.Lead); err != nil {
		return err
	}
	if err := s.alone(ctx, f, r, bg); err != nil {
		return err
	}
	for _, congestion := range f.Foregrounds {
		d, err := s.duel(ctx, f, congestion, bg)
		if err != nil {
			return err
		}
		d.Solo = base.solo[congestion]
		r.Duels = append(r.Duels, d)
	}
	took, err := s.user.requests(ctx, f.Requests)
	if err != nil {
		return err
	}
	r.Requests = seconds(took)
	at := s.meter.now()
	page, err := s.pages(ctx, f.Pages)
	r.Page = page.Seconds()
	r.Meanwhile = s.meter.of(machine).rate(at, s.meter.now()) / s.path.capacity()
	return err
}

func (s *stage) alone(ctx context.Context, f phases, r *result, bg *background) error {
	at, cpu := s.meter.now(), bg.cpu()
	if err := runner.Sleep(ctx, f.Alone); err != nil {
		return err
	}
	until := s.meter.now()
	rate := s.meter.of(machine).rate(at, until)
	r.Alone = rate / s.path.capacity()
	r.CPU = (bg.cpu() - cpu).Seconds() / (until - at).Seconds() * (100e6 / 8) / max(rate, 1)
	var queue []float64
	for _, e := range s.prober.seen() {
		if e.At >= at && e.At < until-time.Second && e.Took > 0 {
			queue = append(queue, (e.Took - s.path.Base).Seconds())
		}
	}
	r.Queue50, r.Queue99 = quantile(queue, 0.5), quantile(queue, 0.99)
	return bg.running()
}

// duel lets a greedy flow come and go.
func (s *stage) duel(ctx context.Context, f phases, congestion string, bg *background) (duel, error) {
	d := duel{Congestion: congestion}
	began := s.meter.now()
	n, err := s.user.greedy(ctx, congestion, f.Greedy)
	if err != nil {
		return d, err
	}
	ended := s.meter.now()
	d.Beside = float64(n) / f.Greedy.Seconds()
	if err := runner.Sleep(ctx, f.Gap); err != nil {
		return d, err
	}
	rates := s.meter.of(machine)
	d.Yield = rates.yields(began, ended, 0.1*s.path.capacity())
	d.Reclaim = rates.reclaims(ended, s.meter.now(), 0.8*s.path.capacity())
	return d, bg.running()
}

// cpu is the processor time of the contestant so far; the one that has ended has used none.
func (p *background) cpu() time.Duration {
	d, err := runner.CPUTime(p.cmd.Process.Pid)
	if err != nil {
		return 0
	}
	return d
}

func seconds(ds []time.Duration) []float64 {
	out := make([]float64, len(ds))
	for i, d := range ds {
		out[i] = math.Round(d.Seconds()*1e5) / 1e5
	}
	return out
}
