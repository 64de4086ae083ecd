package idle

import (
	"testing"
	"time"
)

func TestGate(t *testing.T) {
	t.Parallel()
	const round = 100 * time.Millisecond
	for _, test := range []struct {
		name   string
		window int64
		q      backlog
		n      int
		want   int
		wait   time.Duration
	}{
		{"nothing is under way", 32_500, backlog{}, 10_000, 10_000, 0},
		{"no more than fits", 32_500, backlog{}, 50_000, 32_000, 0},
		{"beside what is under way", 32_500, backlog{20_000, 0}, 50_000, 12_000, 0},
		{"less than a packet of what is unsent may be a part", 32_500, backlog{20_000, 7_000}, 50_000, 13_000, 0},
		{"part of a packet is not under way", 32_500, backlog{20_900, 900}, 50_000, 12_000, 0},
		{"a small rest of room is not worth a write", 32_000, backlog{31_000, 0}, 50_000, 0, round / 32},
		{"but the last bytes are", 32_000, backlog{31_000, 0}, 900, 900, 0},
		{"a window that has just shrunk", 32_000, backlog{48_000, 0}, 50_000, 0, round * 17 / 32},
		{"a large window in parts that stay small", 64 << 20, backlog{64 << 20, 0}, 1 << 20, 671_000, 0},
		{"what arrives while the writer wakes up", 31_900, backlog{30_000, 0}, 50_000, 2_000, 0},
		{"a single packet waits for another to be confirmed", 2_500, backlog{1_000, 0}, 50_000, 2_000, 0},
		{"less than two packets: two at a time", 1_000, backlog{}, 50_000, 2_000, 0},
		{"when these have arrived", 1_000, backlog{1_000, 0}, 50_000, 0, round / 8},
		{"with part of another", 1_000, backlog{900, 900}, 50_000, 2_000, 0},
		{"rest", 0, backlog{}, 50_000, 0, gateRest},
	} {
		var g gate
		g.set(test.window, 1000, round)
		got, wait := g.room(0, test.q, test.n)
		if got != test.want || wait != test.wait {
			t.Errorf("%s: %d bytes after %v, want %d after %v", test.name, got, wait, test.want, test.wait)
		}
		if asked := g.asked(); asked != (test.wait > 0) || g.asked() {
			t.Errorf("%s: somebody waits: %t", test.name, asked)
		}
	}
}

// TestGateBelowTwoPackets: a window of half a packet lets two out in the time of four windows.
func TestGateBelowTwoPackets(t *testing.T) {
	t.Parallel()
	var g gate
	g.set(500, 1000, 100*time.Millisecond)
	sent := 0
	for now := time.Duration(0); now < 4*time.Second; {
		n, wait := g.room(now, backlog{}, 1<<20)
		sent, now = sent+n, now+wait
	}
	if sent != 20_000 {
		t.Errorf("%d bytes in 40 round trips, want 20000", sent)
	}
}
