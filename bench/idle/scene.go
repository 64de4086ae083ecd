//go:build linux

package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
	"github.com/ebb-transfer/ebb/job"
)

// scene is a situation to bring about.
type scene struct {
	name   string
	lasts  time.Duration
	far    time.Duration            // of the path
	orders func(size int64) []order // whose files are not over before the scene, if they have size bytes together
	play   func(*play, context.Context) error
}

const (
	sceneLead     = 5 * time.Second
	sceneFor      = 20 * time.Second // that counts
	sceneSet      = time.Second      // until new priorities must have come into force
	competeFor    = 13 * time.Second // with what follows
	foregroundFor = 90 * time.Second // more than a transfer waits for a byte
	routeFor      = 30 * time.Second
)

// scenes are all of them, in the order of the table.
func scenes() []scene {
	const far = 30 * time.Millisecond
	const usual = sceneLead + sceneFor + competeFor + setup
	return []scene{
		{"8 jobs, half of them 30 ms further away", usual, far, crowd(8), (*play).share},
		{"64 jobs, half of them 30 ms further away", usual + 5*time.Second, far, crowd(64), (*play).share},
		{"a job of 8 files, half of them 30 ms further away", usual, far, together(8), offered(1)},
		{"base RTT doubles, and halves after 30 s", sceneLead + 2*routeFor + setup, 0, one("bytes"), (*play).route},
		{"server sends half of the line, in bursts of 250 ms", usual, 0, one("bursts"), offered(burstPart)},
		{"server stalls for 6 s of 10 s", usual, 0, one("stalls"), offered(1 - stallFor.Seconds()/stallEvery.Seconds())},
		{"4 jobs, a foreground for 90 s", sceneLead + foregroundFor + sceneFor + setup, 0, crowd(4), (*play).makeWay},
		{"priorities high, normal, low, then reversed", sceneLead + 2*sceneFor + setup, 0, ranks, (*play).priorities},
	}
}

// one is a job with a server of some kind.
func one(kind string) func(int64) []order {
	return func(size int64) []order { return []order{{"low", []string{fileURL(serverIP, "cubic", kind, size)}}} }
}

// crowd is n jobs of a file.
func crowd(n int) func(int64) []order {
	return func(size int64) []order {
		out := make([]order, n)
		for i, url := range urls(n, size) {
			out[i] = order{"low", []string{url}}
		}
		return out
	}
}

// together is a job of n files.
func together(n int) func(int64) []order {
	return func(size int64) []order { return []order{{"low", urls(n, size)}} }
}

// urls are those of n files, which both servers have in turns. What differs in size differs in name. Nobody gets four times his share.
func urls(n int, size int64) []string {
	out := make([]string, n)
	for i := range out {
		host := []string{serverIP, farIP}[i%2]
		out[i] = fileURL(host, "cubic", "bytes", 4*size/int64(n)+int64(i))
	}
	return out
}

// ranks is a job of each priority.
func ranks(size int64) []order {
	out := make([]order, 3)
	for i, priority := range []string{"high", "normal", "low"} {
		out[i] = order{priority, []string{url("cubic", size+int64(i))}}
	}
	return out
}

// play is a scene on its stage.
type play struct {
	*stage
	*situation
	bg     *background
	solo   float64       // bytes per second of a greedy cubic flow alone
	greedy time.Duration // how long that was
	jobs   int           // how many there are
}

// look returns the jobs, of which none must be over yet.
func (a *play) look(ctx context.Context) ([]job.Snapshot, error) {
	jobs, err := a.bg.jobs(ctx)
	if err == nil && len(jobs) != a.jobs {
		err = fmt.Errorf("%d of %d jobs are left", len(jobs), a.jobs)
	}
	return jobs, err
}

// used is what the background had of the line.
func (a *play) used(from, to time.Duration) float64 {
	return a.meter.of(machine).rate(from, to) / a.path.capacity()
}

// watch notes what the background uses for some time, and returns the bytes that each of its jobs gets.
func (a *play) watch(ctx context.Context, d time.Duration) (each []float64, err error) {
	before, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	at := a.meter.now()
	if err := runner.Sleep(ctx, d); err != nil {
		return nil, err
	}
	a.Uses = append(a.Uses, a.used(at, a.meter.now()))
	after, err := a.look(ctx)
	if err != nil {
		return nil, err
	}
	for i, j := range after {
		each = append(each, float64(j.Transferred-before[i].Transferred))
	}
	return each, nil
}

// compete lets a greedy foreground come and go.
func (a *play) compete(ctx context.Context) error {
	n, err := a.user.greedy(ctx, "cubic", a.greedy)
	if err != nil {
		return err
	}
	a.Keeps = float64(n) / a.greedy.Seconds() / a.solo
	return runner.Sleep(ctx, competeFor-a.greedy)
}

// share is how many jobs share the line, and what they leave of it.
func (a *play) share(ctx context.Context) error {
	each, err := a.watch(ctx, sceneFor)
	if err != nil {
		return err
	}
	a.Jain = jain(each)
	return a.compete(ctx)
}

// offered is for a server that has no more than a part of the line to offer.
func offered(part float64) func(*play, context.Context) error {
	return func(a *play, ctx context.Context) error {
		if _, err := a.watch(ctx, sceneFor); err != nil {
			return err
		}
		a.Uses[0] /= part
		return a.compete(ctx)
	}
}

// route makes the way longer, and short again.
func (a *play) route(ctx context.Context) error {
	base := a.path.Base
	var changed time.Duration
	for _, to := range []time.Duration{2 * base, base} {
		if err := a.forwarder.setBase(to); err != nil {
			return err
		}
		changed = a.meter.now()
		if err := runner.Sleep(ctx, routeFor); err != nil {
			return err
		}
		a.Uses = append(a.Uses, a.used(changed+15*time.Second, changed+25*time.Second))
	}
	for _, e := range a.prober.seen() {
		if e.At > changed+2*base { // the way is as it will be
			a.Queue = max(a.Queue, (e.Took-base).Seconds()*1e3)
		}
	}
	return nil
}

// makeWay has a foreground stay for longer than any timeout of a transfer, and tells what the background has when that is over.
func (a *play) makeWay(ctx context.Context) error {
	if _, err := a.user.greedy(ctx, "cubic", foregroundFor); err != nil {
		return err
	}
	if err := runner.Sleep(ctx, sceneFor/4); err != nil {
		return err
	}
	_, err := a.watch(ctx, sceneFor/2)
	return err
}

// priorities looks at the shares, changes the priorities, and looks again.
func (a *play) priorities(ctx context.Context) error {
	each, err := a.watch(ctx, sceneFor)
	if err != nil {
		return err
	}
	a.Astray = []float64{astray(each, []float64{4, 2, 1})}
	jobs, err := a.look(ctx)
	if err != nil {
		return err
	}
	for i, priority := range map[int]string{0: "low", 2: "high"} {
		if _, err := a.bg.ebb(ctx, "set", string(jobs[i].ID), "priority="+priority); err != nil {
			return err
		}
	}
	if err := runner.Sleep(ctx, sceneSet); err != nil {
		return err
	}
	each, err = a.watch(ctx, sceneFor/2)
	a.Astray = append(a.Astray, astray(each, []float64{1, 2, 4}))
	return err
}

// astray is the most by which a share is off its weight's.
func astray(shares, weights []float64) float64 {
	var all, sum, most float64
	for i := range shares {
		all, sum = all+shares[i], sum+weights[i]
	}
	for i := range shares {
		most = max(most, math.Abs(shares[i]/all/(weights[i]/sum)-1))
	}
	return most
}
