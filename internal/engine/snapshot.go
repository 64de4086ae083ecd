package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// pulse measures what runs and reports active time, as long as anything runs.
type pulse struct {
	on    bool
	last  time.Time
	alarm *time.Timer
}

const (
	// pulseEvery is how often watchers see progress (BITS: minimum notification interval).
	pulseEvery = 500 * time.Millisecond
	// activeEvery is how often the time a job was active is stored.
	activeEvery = 10 * time.Second
)

func (p *pulse) timer() <-chan time.Time {
	if !p.on {
		return nil
	}
	if p.last.IsZero() {
		p.last = time.Now()
	}
	return resetTimer(&p.alarm, p.last.Add(pulseEvery))
}

// beat measures what moved since the last beat and shows it to watchers.
func (s *session) beat() {
	now := time.Now()
	elapsed := now.Sub(s.pulse.last)
	s.pulse.last, s.pulse.on = now, s.plan.running > 0
	watched := s.watch.any()
	for en := range s.busy {
		if now.Sub(en.active) >= activeEvery {
			s.ran(en)
		}
		for _, r := range en.runs {
			r.measure(elapsed)
			s.spend(r)
		}
		// One more snapshot once nothing moves: it says so.
		if live := en.live(); watched && (live != en.seenLive || en.moved) {
			en.moved = live != en.seenLive
			en.seenLive, en.rev = live, s.rev.Add(1)
			s.watch.tell(s.snapshot(en))
		}
	}
}

// measure updates the run's rate, half of which is that of the last beat.
func (r *run) measure(elapsed time.Duration) {
	live := r.live.Load()
	if r.seen > 0 && elapsed > 0 {
		r.rate = (r.rate + int64(float64(live-r.seen)/elapsed.Seconds())) / 2
	}
	r.seen = live
}

// live is how many bytes of the job are here, synced or not.
func (en *entry) live() int64 {
	n := en.job.Totals.Filled
	for _, r := range en.runs {
		f, _ := en.job.Files.Get(r.file.ID)
		n += max(r.live.Load()-f.Filled.Len(), 0)
	}
	return n
}

// snapshot lays over the job what its workers do.
func (s *session) snapshot(en *entry) job.Snapshot {
	snap := job.Snapshot{
		Job: en.job, Rev: en.rev, Transferred: en.job.Totals.Filled, Size: en.job.Totals.Total(),
	}
	if en.job.Runnable() && len(en.runs) > 0 {
		snap.State, snap.Transferred, snap.Rate = en.state(), en.live(), en.pace.Rate()
		snap.Idle = idleBandwidth(en.flow)
	}
	snap.Waits = s.waits(en, snap.State)
	return snap
}

// state is the job's, with what its workers do laid over it.
func (en *entry) state() job.State {
	state := en.job.State
	if !en.job.Runnable() {
		return state
	}
	for _, r := range en.runs {
		switch {
		case r.stopping: // the job waits, or will begin again
		case r.moving.Load():
			return job.Transferring
		default:
			state = job.Connecting
		}
	}
	return state
}

// fileSnapshot lays over the file what its worker does.
func (en *entry) fileSnapshot(f job.File) job.FileSnapshot {
	snap := job.FileSnapshot{File: f, Transferred: f.Filled.Len()}
	if r := en.runs[f.ID]; r != nil {
		snap.Transferred, snap.Rate = max(snap.Transferred, r.live.Load()), max(r.rate, 0)
	}
	return snap
}

// waits says why the job does not move.
func (s *session) waits(en *entry, state job.State) string {
	why := s.waitsFor(en, state)
	if why != "" && en.job.NeedsCredentials {
		why = "it needs credentials: ownership changed; " + why
	}
	return why
}

func (s *session) waitsFor(en *entry, state job.State) string {
	j := en.job
	switch {
	case state.Final() || state == job.Transferring || state == job.Connecting:
		return ""
	case j.Intent == job.Completing:
		return "its files are being given their names"
	case j.Intent == job.Cancelling:
		return "its bytes are being deleted"
	case j.State == job.Suspended && j.Totals.Files == 0:
		return "it has no files yet; add some and resume it"
	case j.State == job.Suspended && j.OnDemand && j.Idle():
		return "all that was asked for is here; ask for more (ebb file request) and resume it"
	case j.State == job.Suspended:
		return "it is suspended; resume it"
	case j.State == job.Transferred && j.Error != nil:
		return "it could not be completed: " + j.Error.Error()
	case j.State == job.Transferred:
		return "all its files are here; complete it to give them their names"
	case j.Blocked():
		return j.Error.Error()
	case j.State == job.TransientError:
		return fmt.Sprintf("it is tried again at %s: %s", j.RetryAt.Local().Format(time.TimeOnly), j.Error.Error())
	case j.State == job.InError && s.limits.ForbidCleartext && j.Network.AllowCleartext:
		return fmt.Sprintf("%s (the job may send passwords in the clear, but the administrator forbids it; %s)", j.Error.Error(), j.Remedy())
	case j.State == job.InError:
		return fmt.Sprintf("%s (%s)", j.Error.Error(), j.Remedy())
	}
	return s.waitsForSlot(en)
}

// waitsForSlot explains a job that is queued and has no worker.
func (s *session) waitsForSlot(en *entry) string {
	if s.plan.dirty {
		return "it waits for its turn"
	}
	if !en.planned {
		return s.plan.Why(s.candidate(en))
	}
	host := en.nextHost()
	if until, closed := s.plan.closed[host]; closed {
		return fmt.Sprintf("%s asked to be left alone until %s", host, until.Local().Format(time.TimeOnly))
	}
	if s.plan.hosts[host] >= s.limits.PerHost {
		return fmt.Sprintf("it waits for a connection to %s: all %d are in use", strings.TrimSuffix(host, ":443"), s.limits.PerHost)
	}
	return "it is about to start"
}
