package idle

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// peer is a connection that fills whatever it is given.
func peer(weight int, base time.Duration) *connection {
	c := &connection{seen: Sample{MSS: 1000, Weight: weight}, use: 1e9}
	c.base.add(0, base)
	return c
}

func goals(conns []*connection) []int {
	var got []int
	for _, c := range conns {
		got = append(got, int(c.goal+0.5))
	}
	return got
}

func TestShare(t *testing.T) {
	t.Parallel()
	slow := peer(1, ms(20))
	slow.use = 3000
	for _, test := range []struct {
		name   string
		window float64
		conns  []*connection
		want   []int
	}{
		{"one takes all", 50_000, []*connection{peer(1, ms(20))}, []int{50_000}},
		{"by weight", 73_000, []*connection{peer(4, ms(20)), peer(2, ms(20)), peer(1, ms(20))}, []int{41_000, 21_000, 11_000}},
		{"farther needs more for the same rate", 62_000, []*connection{peer(1, ms(20)), peer(1, ms(40))}, []int{21_000, 41_000}},
		{"what one leaves goes to the others", 100_000, []*connection{slow, peer(1, ms(20)), peer(1, ms(20))}, []int{10_000, 45_000, 45_000}},
		{"nobody can use it", 100_000, []*connection{slow}, []int{10_000}},
		{"the least for all", 6000, []*connection{peer(4, ms(20)), peer(2, ms(20)), peer(1, ms(20))}, []int{2714, 1857, 1429}},
		{"weight 0 counts as 1", 8000, []*connection{peer(0, ms(20)), peer(1, ms(20))}, []int{4000, 4000}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Controller{conns: test.conns}
			c.share(test.window)
			if diff := cmp.Diff(test.want, goals(test.conns)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTurns(t *testing.T) {
	t.Parallel()
	c := Controller{}
	for range 5 {
		c.conns = append(c.conns, peer(1, ms(20)))
	}
	opened := make([]time.Duration, 5)
	for ; c.now < 20*time.Second; c.now += 10 * time.Millisecond {
		c.share(5000)
		var total float64
		for i, conn := range c.conns {
			total += conn.goal
			if conn.goal > 0 {
				opened[i] += 10 * time.Millisecond
			}
		}
		if total != 5000 {
			t.Fatalf("%v bytes of a window of 5000", total)
		}
	}
	for i, got := range opened {
		if got < 7*time.Second || got > 9*time.Second {
			t.Errorf("connection %d was open for %s of 20 s, want two fifths", i, got)
		}
	}
}

// TestNobodyRestsForLong: with room for few packets, connections rest, and none for so long that a server gives it up.
func TestNobodyRestsForLong(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ conns, room int }{{2, 1}, {64, 1}, {64, 5}, {1000, 1}} {
		var turns turns
		conns := make([]*connection, test.conns)
		for i := range conns {
			conns[i] = &connection{}
		}
		latest := map[*connection]time.Duration{}
		for now := time.Duration(0); now < 3*cycleTime; now += 10 * time.Millisecond {
			open := turns.open(now, float64(test.room*openPackets*usualMSS), conns)
			if len(open) != test.room {
				t.Fatalf("%d of %d connections are open, want %d", len(open), test.conns, test.room)
			}
			for _, c := range open {
				latest[c] = now
			}
			for i, c := range conns {
				if rested := now - latest[c]; rested > cycleTime+time.Second {
					t.Fatalf("connection %d of %d has rested for %v", i, test.conns, rested)
				}
			}
		}
	}
}
