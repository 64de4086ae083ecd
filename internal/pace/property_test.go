package pace

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// A script is what happens in one run of the property test.
type script struct {
	rates   [7]int64        // of global, two classes, four jobs
	changes []change        // of those rates
	readers []readerScript  // at the jobs
	length  time.Duration   // when all is cancelled
	reads   []time.Duration // how long the reads take, in turn
}

type change struct {
	after time.Duration
	node  int
	rate  int64
}

type readerScript struct {
	job   int // 3 to 6
	want  int
	share int // percent of each grant that is read
}

// A flow is one movement of bytes through a node: a grant, or less than zero for bytes given back.
type flow struct {
	at   time.Duration
	node int
	size int64
}

var parents = [7]int{-1, 0, 0, 1, 1, 2, 2}

// No node ever lets more through than rate*t plus its burst, over any window in
// which its rate stays as it is, whatever the other nodes and the readers do.
func TestNeverMoreThanRateAndBurst(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScript(rt)
		var flows []flow
		synctest.Test(t, func(t *testing.T) { flows = s.run(t) })
		for node := range parents {
			s.check(rt, node, flows)
		}
	})
}

// drawScript draws from lists, and not from ranges, in which rapid prefers
// values so small that nothing would flow.
func drawScript(rt *rapid.T) script {
	rate := rapid.SampledFrom([]int64{300_007, 2 * mib, 50_000, 0, 4001, 100, 1})
	job := rapid.IntRange(3, 6)
	s := script{length: rapid.SampledFrom([]time.Duration{3 * time.Second, time.Second, 10 * time.Second}).Draw(rt, "length")}
	for i := range s.rates {
		s.rates[i] = rate.Draw(rt, "rate")
	}
	s.rates[0] = max(s.rates[0], 1) // unlimited readers would spin within one instant
	s.changes = rapid.SliceOfNDistinct(rapid.Custom(func(rt *rapid.T) change {
		c := change{
			after: s.length * time.Duration(rapid.IntRange(1, 999).Draw(rt, "per mille")) / 1000,
			node:  rapid.IntRange(0, 6).Draw(rt, "node"),
			rate:  rate.Draw(rt, "new rate"),
		}
		if c.node == 0 {
			c.rate = max(c.rate, 1)
		}
		return c
	}), 0, 4, func(c change) time.Duration { return c.after }).Draw(rt, "changes")
	slices.SortFunc(s.changes, func(a, b change) int { return cmp.Compare(a.after, b.after) })
	s.readers = rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) readerScript {
		return readerScript{
			job:   job.Draw(rt, "job"),
			want:  rapid.SampledFrom([]int{mib, 16 * kib, 20_000, 1000}).Draw(rt, "want"),
			share: rapid.SampledFrom([]int{100, 50, 10}).Draw(rt, "share"),
		}
	}), 1, 6).Draw(rt, "readers")
	s.reads = rapid.SliceOfN(rapid.SampledFrom([]time.Duration{
		0, 300 * time.Millisecond, time.Millisecond, 40 * time.Millisecond, 0, time.Second,
	}), 5, 40).Draw(rt, "reads")
	return s
}

// run plays the script in virtual time and returns what flowed through each node.
func (s script) run(t *testing.T) []flow {
	ctx, cancel := context.WithTimeout(t.Context(), s.length)
	defer cancel()
	var nodes [7]*Node
	for i, p := range parents {
		if p < 0 {
			nodes[i] = New(s.rates[i])
		} else {
			nodes[i] = nodes[p].Child(s.rates[i])
		}
	}
	start := time.Now()
	var mu sync.Mutex // guards flows
	var flows []flow
	record := func(job int, size int64) {
		mu.Lock()
		defer mu.Unlock()
		for node := job; node >= 0; node = parents[node] {
			flows = append(flows, flow{time.Since(start), node, size})
		}
	}
	for _, c := range s.changes {
		time.AfterFunc(c.after, func() { nodes[c.node].SetRate(c.rate) })
	}
	var wg sync.WaitGroup
	for _, r := range s.readers {
		wg.Go(func() {
			for i := 0; ; i++ {
				granted, err := nodes[r.job].Wait(ctx, r.want)
				if err != nil {
					return
				}
				record(r.job, int64(granted))
				took := max(granted*r.share/100, 1)
				time.Sleep(s.reads[i%len(s.reads)])
				nodes[r.job].Took(granted, took)
				record(r.job, int64(took-granted))
			}
		})
	}
	wg.Wait()
	time.Sleep(s.length) // the last change has come
	if nodes[0].tree.waiting != 0 {
		t.Error("somebody is still in a queue")
	}
	return flows
}

// check replays what flowed through node against a bucket that gets exactly its
// rate and begins full, in each stretch of time between two changes of the rate:
// a level below zero is a window with too much in it.
func (s script) check(rt *rapid.T, node int, flows []flow) {
	type stretch struct {
		from, to time.Duration
		rate     int64
	}
	stretches := []stretch{{0, s.length, s.rates[node]}}
	for _, c := range s.changes {
		if c.node == node {
			stretches[len(stretches)-1].to = c.after
			stretches = append(stretches, stretch{c.after, s.length, c.rate})
		}
	}
	for _, st := range stretches {
		if st.rate == 0 {
			continue
		}
		full := float64(burst(st.rate))
		level, last := full, st.from
		for i := 0; i < len(flows); {
			at, net := flows[i].at, int64(0)
			for ; i < len(flows) && flows[i].at == at; i++ { // within an instant the order is not known
				if flows[i].node == node {
					net += flows[i].size
				}
			}
			if at <= st.from || at >= st.to {
				continue
			}
			level = min(level+float64(st.rate)*(at-last).Seconds(), full)
			level, last = min(level-float64(net), full), at
			if level < -1e-3 {
				rt.Fatalf("node %d at %d B/s: %.3f bytes too many at %v", node, st.rate, -level, at)
			}
		}
	}
}
