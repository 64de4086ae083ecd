package idle

import (
	"testing"
	"time"
)

// The goals of idle bandwidth, on the simulated line. Each figure is a bound that all seeds keep.

func TestAloneTakesTheLine(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line   lineSpec
		server string
		least  float64
	}{
		{mbit(20, 50, 20), "cubic", 0.98},
		{mbit(20, 100, 20), "cubic", 0.98},
		{mbit(20, 200, 20), "cubic", 0.98},
		{mbit(100, 50, 20), "cubic", 0.98},
		{mbit(100, 200, 20), "cubic", 0.98},
		{mbit(20, 50, 100), "cubic", 0.96},
		{mbit(20, 200, 100), "cubic", 0.98},
		{mbit(100, 100, 100), "cubic", 0.97},
		{mbit(100, 50, 100), "cubic", 0.9}, // the first ramp overshoots the buffer, and the server's cubic takes seconds to recover
		{mbit(20, 100, 20), "bbr", 0.95},   // its own probing costs 2 % unpaced
		{mbit(20, 100, 20), "reno", 0.98},
		{mbit(20, 10, 20), "cubic", 0.95},
		{mbit(20, 5, 20), "cubic", 0.9},
		{lineSpec{rate: 20e6, buffer: ms(200), base: ms(20), codel: true}, "cubic", 0.98},
		{lineSpec{rate: 20e6, buffer: ms(100), base: ms(20), loss: 0.001}, "cubic", 0.88},
		{lineSpec{rate: 20e6, buffer: ms(100), base: ms(20), loss: 0.01}, "cubic", 0.35}, // the server's own limit: 0.41 unpaced
		{lineSpec{rate: 20e6, buffer: ms(100), base: ms(20), jitter: ms(2)}, "cubic", 0.97},
		{lineSpec{rate: 20e6, buffer: ms(100), base: ms(20), jitter: ms(5)}, "cubic", 0.85},
	} {
		if racing && test.line.rate > 50e6 {
			continue
		}
		t.Run(lineName(test.line)+"-"+test.server, func(t *testing.T) {
			t.Parallel()
			seeds := uint64(2)
			if racing {
				seeds = 1
			}
			for seed := range seeds {
				end := 22 * time.Second
				if test.line.rate > 50e6 {
					end = 14 * time.Second
				}
				if got := alone(test.line, seed+1, test.server, end); got < test.least {
					t.Errorf("seed %d: %.3f of the line, want at least %.2f", seed+1, got, test.least)
				}
			}
		})
	}
}

func TestForegroundKeepsTheLine(t *testing.T) {
	t.Parallel()
	codel := lineSpec{rate: 20e6, buffer: ms(200), base: ms(20), codel: true}
	fastCodel := lineSpec{rate: 100e6, buffer: ms(200), base: ms(20), codel: true}
	fq, fastFQ := codel, fastCodel
	fq.fq, fastFQ.fq = true, true
	for _, test := range []struct {
		line           lineSpec
		server         string
		foreground     string
		keeps          float64
		yield, reclaim time.Duration // 0 for whatever it takes
	}{
		{mbit(20, 50, 20), "cubic", "cubic", 0.98, ms(500), ms(3000)},
		{mbit(20, 100, 20), "cubic", "cubic", 0.98, ms(500), ms(3000)},
		{mbit(20, 200, 20), "cubic", "cubic", 0.98, ms(500), ms(3000)},
		{mbit(20, 100, 20), "cubic", "reno", 0.98, ms(500), ms(3000)},
		{mbit(20, 100, 20), "cubic", "bbr", 0.97, ms(500), ms(3000)},
		{mbit(100, 100, 20), "cubic", "cubic", 0.98, ms(500), ms(3000)},
		{mbit(100, 100, 20), "cubic", "bbr", 0.97, ms(500), ms(3000)},
		{mbit(20, 100, 100), "cubic", "cubic", 0.97, ms(1200), ms(6000)},
		{mbit(20, 100, 100), "cubic", "bbr", 0.97, ms(1200), ms(6000)},
		{mbit(100, 100, 100), "cubic", "cubic", 0.97, ms(1300), ms(5000)},
		{mbit(20, 100, 20), "bbr", "cubic", 0.98, ms(500), ms(6000)}, // the server's BBR grows by a quarter in eight rounds
		{mbit(20, 10, 20), "cubic", "cubic", 0.94, 0, 0},
		{mbit(20, 5, 20), "cubic", "cubic", 0.92, 0, 0},
		{mbit(20, 5, 20), "cubic", "bbr", 0.94, 0, 0}, // eight packets of buffer: its queue is hardly ever seen
		{codel, "cubic", "cubic", 0.95, ms(500), ms(3000)},
		{codel, "cubic", "bbr", 0.95, ms(500), ms(3000)},
		{fastCodel, "cubic", "cubic", 0.97, ms(500), ms(3000)},
		{fq, "cubic", "cubic", 0.92, 0, 0},
		{fq, "cubic", "bbr", 0.92, 0, 0},
		{fastFQ, "cubic", "cubic", 0.83, 0, 0}, // its cubic is slow to find what the start has left of the line
		{fastFQ, "cubic", "bbr", 0.93, 0, 0},
	} {
		if racing && test.line.rate > 50e6 {
			continue
		}
		t.Run(lineName(test.line)+"-"+test.server+"-"+test.foreground, func(t *testing.T) {
			t.Parallel()
			seeds := uint64(2)
			if racing || test.line.rate > 50e6 {
				seeds = 1
			}
			for seed := range seeds {
				got := meet(test.line, seed+1, test.server, test.foreground)
				if got.keeps < test.keeps {
					t.Errorf("seed %d: the foreground keeps %.3f, want at least %.2f", seed+1, got.keeps, test.keeps)
				}
				if test.yield > 0 && (got.yield == 0 || got.yield > test.yield) {
					t.Errorf("seed %d: yields in %s, want at most %s", seed+1, got.yield, test.yield)
				}
				if test.reclaim > 0 && (got.reclaim == 0 || got.reclaim > test.reclaim) {
					t.Errorf("seed %d: reclaims in %s, want at most %s", seed+1, got.reclaim, test.reclaim)
				}
			}
		})
	}
}

func TestMachinesShare(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line  lineSpec
		late  time.Duration // the second machine's start
		least float64
	}{
		{mbit(20, 100, 20), 0, 0.95},
		{mbit(20, 100, 20), 3 * time.Second, 0.95},
		{mbit(20, 50, 20), 7 * time.Second, 0.95},
		{mbit(100, 100, 20), 3 * time.Second, 0.95},
	} {
		if racing && test.line.rate > 50e6 {
			continue
		}
		t.Run(lineName(test.line)+"-late-"+test.late.String(), func(t *testing.T) {
			t.Parallel()
			first, second := share(test.line, 1, test.late)
			if got := jain(first, second); got < test.least {
				t.Errorf("Jain %.3f, want at least %.2f", got, test.least)
			}
			if got := first + second; got < 0.9 {
				t.Errorf("together they take %.3f of the line, want 0.9", got)
			}
		})
	}
}
