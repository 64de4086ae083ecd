package idle

import (
	"testing"
	"time"
)

// Where a round trip takes 100 ms, twelve of them pass before a line counts as free.
func TestFarServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line       lineSpec
		foreground string
		reclaim    time.Duration // 0 for whatever the server takes: its congestion window suffered from losses in the foreground's queue
	}{
		{mbit(20, 50, 100), "cubic", ms(4000)},
		{mbit(20, 50, 100), "bbr", 0},
		{mbit(20, 100, 100), "cubic", ms(4000)},
		{mbit(20, 100, 100), "bbr", ms(4000)},
		{mbit(20, 200, 100), "cubic", ms(4000)},
		{mbit(20, 200, 100), "bbr", ms(4000)},
		{mbit(100, 50, 100), "cubic", ms(4000)},
		{mbit(100, 50, 100), "bbr", 0},
		{mbit(100, 200, 100), "cubic", ms(4000)},
		{mbit(100, 200, 100), "bbr", ms(4000)},
	} {
		if racing && test.line.rate > 50e6 {
			continue
		}
		t.Run(lineName(test.line)+"-"+test.foreground, func(t *testing.T) {
			t.Parallel()
			got := meet(test.line, 1, "cubic", test.foreground)
			if got.keeps < 0.97 {
				t.Errorf("the foreground keeps %.3f, want at least 0.97", got.keeps)
			}
			if got.yield == 0 || got.yield > ms(1200) {
				t.Errorf("yields in %s, want at most 1.2s", got.yield)
			}
			if test.reclaim > 0 && (got.reclaim == 0 || got.reclaim > test.reclaim) {
				t.Errorf("reclaims in %s, want at most %s", got.reclaim, test.reclaim)
			}
		})
	}
}

// A server with BBR leaves its startup when three rounds bring no quarter more, and takes ten seconds to grow after that.
func TestFarServerWithBBR(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		line  lineSpec
		least float64
	}{
		{mbit(20, 200, 100), 0.95},
		{mbit(50, 200, 100), 0.9},
		{mbit(20, 200, 250), 0.5}, // of 2 s to 8 s: the ramp is in it
	} {
		t.Run(lineName(test.line), func(t *testing.T) {
			t.Parallel()
			if got := alone(test.line, 1, "bbr", 8*time.Second); got < test.least {
				t.Errorf("%.3f of the line, want at least %.2f", got, test.least)
			}
		})
	}
}

// A first ramp that overruns the buffer costs what the server's cubic makes of it, and no more: neither the rate that falls while holes
// are filled nor the queue that comes with filled ones is taken for somebody else's.
func TestOverrunFarAway(t *testing.T) {
	t.Parallel()
	seeds := uint64(20)
	if racing {
		seeds = 1
	}
	for seed := range seeds {
		if got := alone(mbit(100, 50, 100), seed+1, "cubic", 14*time.Second); got < 0.9 {
			t.Errorf("seed %d: %.3f of the line, want at least 0.90", seed+1, got)
		}
	}
}
