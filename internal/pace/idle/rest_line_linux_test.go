//go:build integration

package idle

import (
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest/homeline"
	"github.com/ebb-transfer/ebb/internal/pace"
)

// TestForegroundHasTheLineBesideACrowd: a packet in each round trip is much when 64 have it, so that all but few rest, in turns.
func TestForegroundHasTheLineBesideACrowd(t *testing.T) {
	m, server, here := behind(t)
	if !here {
		return
	}
	var counts []func() int64
	ours := func() (sum int64) {
		for _, count := range counts {
			sum += count()
		}
		return sum
	}
	var job *Flow
	for i := range 64 {
		if i%8 == 0 {
			job = m.Flow(1)
		}
		part, rate := job.Part(), pace.New(0)
		part.PaceBy(rate.SetRate)
		counts = append(counts, sipPaced(t, server, part, rate))
	}
	if !homeline.HasAll(ours) {
		_, is := job.Status()
		t.Errorf("alone the jobs do not take the line: %+v", is)
	}
	foreground, stop := sip(t, server, nil)
	time.Sleep(3 * time.Second)
	before := make([]int64, len(counts))
	for i, count := range counts {
		before[i] = count()
	}
	if share := homeline.Share(cycleTime+5*time.Second, foreground, ours); share < 0.9 {
		_, is := job.Status()
		t.Errorf("beside the jobs somebody else has %.0f %% of the line, want 90 or more: %+v", 100*share, is)
	}
	for i, count := range counts {
		if got := count() - before[i]; got < usualMSS {
			t.Errorf("connection %d has got %d bytes, want a packet at least", i, got)
		}
	}
	stop()
	if !homeline.HasAll(ours) {
		_, is := job.Status()
		t.Errorf("when nobody else wants the line the jobs do not take it: %+v", is)
	}
}
