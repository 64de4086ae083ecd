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
