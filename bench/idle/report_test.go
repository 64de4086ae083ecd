//go:build linux

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCellsOfATable(t *testing.T) {
	t.Parallel()
	run := func(alone, beside, yield float64, requests ...float64) result {
		return result{
			Contestant: "ebb low", Alone: alone, Idle: []float64{0.040, 0.041}, Requests: requests, IdlePage: 0.2, Page: 0.25, Meanwhile: 0.9,
			Duels: []duel{{Congestion: "cubic", Solo: 100, Beside: beside, Yield: yield, Reclaim: 1}}, Queue50: 0.003, Queue99: 0.009, CPU: 0.1,
			Forwarder: forwarderStats{Behind: 0.002}, Baseline: forwarderStats{Behind: 0.005},
		}
	}
	got := cells([]result{run(0.99, 98, 0.3, 0.045), run(0.97, 95, never, 0.050), run(0.98, 99, 0.4, 0.046)})
	want := []string{
		"ebb low", "98.0 (97.0)", "98 (95)", "0.40 (never)", "1.00 (1.00)", "+6 / +10", "1.25 (1.25)", "90 (90)", "10.0 (10.0)", "0.50 (0.50)",
	}
	if !slices.Equal(got, want) {
		t.Errorf("cells\n%q\nwant\n%q", got, want)
	}
}

func TestFailedRunsAreSaid(t *testing.T) {
	t.Parallel()
	good, bad := result{Contestant: "curl", Alone: 1}, result{Contestant: "curl", Failed: "curl has ended"}
	if got := cells([]result{bad, bad}); len(got) != 2 || !strings.Contains(got[1], "curl has ended") {
		t.Errorf("all failed: %q", got)
	}
	if got := cells([]result{bad, good}); !strings.Contains(got[1], "100.0") || !strings.Contains(got[1], "curl has ended") {
		t.Errorf("one failed: %q", got)
	}
}

func TestGroupsOfCells(t *testing.T) {
	t.Parallel()
	a, b := path{Rate: 20, Buffer: 50 * time.Millisecond}, path{Rate: 100, Buffer: 50 * time.Millisecond}
	queued := a
	queued.Queue = codelQueue
	got := groups([]result{
		{Path: a, Contestant: "curl"},
		{Path: a, Contestant: "ebb low"},
		{Path: b, Contestant: "curl"},
		{Path: a, Contestant: "curl", Run: 1},
		{Path: a, Contestant: "curl", Congestion: "bbr"},
		{Path: queued, Contestant: "curl"},
	})
	if len(got) != 3 || len(got[0].rows) != 3 || len(got[0].rows[0]) != 2 || len(got[0].rows[1]) != 1 || got[1].congestion != "bbr" || got[2].like.Queue != codelQueue {
		t.Errorf("groups %+v", got)
	}
	var out strings.Builder
	got[0].markdown(&out)
	if !strings.Contains(out.String(), "| 20, 50 ms, 0 ms | curl |") || !strings.Contains(out.String(), "| 100, 50 ms, 0 ms | curl |") {
		t.Error(out.String())
	}
}

func TestTablesGoIntoAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a.md")
	if err := os.WriteFile(file, []byte("before\n"+tablesBegin+"old\n"+tablesEnd+"after\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := report{Machine: "a machine", Results: []result{{Contestant: "curl", Alone: 1}}}
	for range 2 {
		if err := r.into(file); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(got)
	if !strings.HasPrefix(text, "before\n"+tablesBegin) || !strings.HasSuffix(text, tablesEnd+"after\n") || strings.Contains(text, "old") ||
		strings.Count(text, "a machine") != 1 || !strings.Contains(text, "| curl |") {
		t.Error(text)
	}
	if err := os.WriteFile(file, []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.into(file); err == nil {
		t.Error("a file without a place for them was changed")
	}
}

func TestSlug(t *testing.T) {
	t.Parallel()
	if got, want := slug("curl at 50 %"), "curl-at-50"; got != want {
		t.Errorf("slug %q, want %q", got, want)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	if got, err := numbers("-rates", "20, 100"); err != nil || !slices.Equal(got, []int{20, 100}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, list := range []string{"", "20,", "0", "-5", "ten"} {
		if got, err := numbers("-rates", list); err == nil || !strings.Contains(err.Error(), "-rates") {
			t.Errorf("%q is %v, %v", list, got, err)
		}
	}
}

func TestVisits(t *testing.T) {
	t.Parallel()
	const length = 10 * time.Minute
	all := visits(1, length, []string{"cubic", "bbr"})
	busy := make([]int, length/time.Second)
	kinds := map[string]int{}
	for _, v := range all {
		if v.at < 0 || v.lasts < time.Second || v.at+v.lasts > length {
			t.Errorf("%+v is outside", v)
		}
		kinds[v.congestion]++
		for s := v.at / time.Second; s < (v.at+v.lasts)/time.Second; s++ {
			busy[s]++
		}
	}
	if idle := len(busy) - len(slices.DeleteFunc(slices.Clone(busy), func(n int) bool { return n == 0 })); idle < 200 || idle > 450 {
		t.Errorf("the line is idle for %d s of 600", idle)
	}
	if slices.Max(busy) < 2 || kinds["cubic"] < 5 || kinds["bbr"] < 5 {
		t.Errorf("most at once %d, %v", slices.Max(busy), kinds)
	}
	if !slices.Equal(all, visits(1, length, []string{"cubic", "bbr"})) {
		t.Error("not the same evening again")
	}
}

func TestPageIsOfManySizes(t *testing.T) {
	t.Parallel()
	var sum, small int64
	for i := range pageObjects {
		size := objectSize(i)
		sum += size
		if size < 10_000 {
			small++
		}
		if size < 2000 || size > 60_000 {
			t.Errorf("object %d has %d bytes", i, size)
		}
	}
	if sum += documentSize; sum < 1_000_000 || sum > 2_500_000 || small < pageObjects/3 {
		t.Errorf("%d bytes, %d small objects", sum, small)
	}
}

func TestPlans(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-sets", "peers,tiny", "-runs", "2"})
	if err != nil {
		t.Fatal(err)
	}
	got, err := plans(o, []string{"-sets", "peers,tiny", "-runs", "2"})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].runs != 2 || len(got[0].paths) != 2 || len(got[0].contestants) != 4 || len(got[1].paths) != 2 {
		t.Errorf("%+v", got)
	}
	quick, err := plans(options{quick: true}, []string{"-quick"})
	if err != nil || len(quick) != 1 || work(quick) > 3*time.Minute {
		t.Errorf("-quick: %v, %v, %s", quick, err, work(quick))
	}
	all, err := plans(options{sets: "all"}, nil)
	if err != nil || len(all) != len(sets()) {
		t.Errorf("all sets: %v, %v", all, err)
	}
	for _, wrong := range []options{{sets: "nothing"}} {
		if _, err := plans(wrong, nil); err == nil {
			t.Errorf("%+v was accepted", wrong)
		}
	}
	for _, args := range [][]string{{"-queue=red"}, {"-contestants=wget"}, {"-servers=reno"}, {"-rates=0"}} {
		if _, err := plans(options{}, args); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
}
