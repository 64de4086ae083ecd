package sched

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// Why says in one sentence what a candidate of the plan waits for; "" when it may run.
// It does not look at the other candidates, so it is cheap even for a long list of jobs.
func (d Decision) Why(c Candidate) string {
	until, closed := d.closed(c.Host)
	block, blocked := d.Blocked[c.ID]
	background := d.Run[d.foreground:]
	switch {
	case d.facts.Paused != "":
		return "all transfers are paused: " + d.facts.Paused
	case blocked:
		return block.Text
	case closed:
		return fmt.Sprintf("host %s asked to wait until %s", shortHost(c.Host), clock(until, d.now))
	case c.Priority == job.Foreground || slices.Contains(background, c.ID):
		return ""
	}
	higher, slots := 0, d.limits.Background
	for _, n := range d.open[job.High:c.Priority] {
		higher += n
	}
	switch same := d.open[c.Priority]; {
	case higher == 1 && slots == 1:
		return fmt.Sprintf("waits for job %s (higher priority)", shortID(background[0]))
	case higher >= slots:
		return fmt.Sprintf("waits for job %s and %d more (higher priority)", shortID(background[0]), higher-1)
	case slots == 1:
		return fmt.Sprintf("waits for its turn: %d jobs of the same priority share the background slot", same)
	case slots-higher == 1:
		return fmt.Sprintf("waits for its turn: %d jobs of the same priority share one background slot", same)
	default:
		return fmt.Sprintf("waits for its turn: %d jobs of the same priority share %d background slots", same, slots-higher)
	}
}

// shortID is the part of an ID that a person needs to tell jobs apart.
func shortID(id job.ID) string {
	if len(id) <= 8 {
		return string(id)
	}
	return string(id[:8]) + "…"
}

// shortHost leaves out the port that a URL would leave out.
func shortHost(host string) string {
	return strings.TrimSuffix(strings.TrimSuffix(host, ":443"), ":80")
}

// clock writes a time as a person at now would say it: without the day when it is today.
func clock(at, now time.Time) string {
	at = at.In(now.Location())
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format(time.TimeOnly)
	}
	return at.Format(time.DateTime)
}
