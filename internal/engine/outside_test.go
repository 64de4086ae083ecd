package engine

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/job"
)

// TestNetworkGoneAndBack: without a network all jobs wait for it at once, with the code of BITS and no error counted, and once it is back
// they go on at once.
func TestNetworkGoneAndBack(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(256<<10), ebbtest.Rate(64<<10))
	b := newBench(t)
	b.SetFacts(sched.Facts{Offline: "no cable"})
	first := b.create(b.download(srv.URL))
	blocked := b.until(first.ID, job.TransientError)
	if e := blocked.Error; !blocked.Blocked() || e.Code != job.NetworkDisconnected || e.Context != job.ContextQueueManager || e.Class != job.Transient {
		t.Errorf("offline: %+v", blocked.Error)
	}
	if blocked.Waits != "waits until the network is back: no cable" {
		t.Errorf("why: %q", blocked.Waits)
	}
	if busy, err := b.Busy(t.Context()); err != nil || !busy {
		t.Errorf("a daemon with a blocked job may end: %v, %v", busy, err)
	}
	b.SetFacts(sched.Facts{})
	b.until(first.ID, job.Transferring)

	b.SetFacts(sched.Facts{Offline: "no cable"}) // in the middle of the transfer
	b.until(first.ID, job.TransientError)
	b.SetFacts(sched.Facts{})
	if done := b.until(first.ID, job.Transferred); done.ErrorCount != 0 || done.Failures != nil {
		t.Errorf("%d errors, %v", done.ErrorCount, done.Failures)
	}
}

// TestCostBlocksByPolicy: a job's own policy goes before the administrator's, and takes effect at once.
func TestCostBlocksByPolicy(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	limits := Limits{}
	limits.Sched.Costs[job.Normal] = job.PolicyUnrestricted
	b := newBench(t, func(c *Config) { c.Limits = limits })
	b.SetFacts(sched.Facts{Cost: job.CostUsageBased})
	j := b.create(b.download(srv.URL))
	if got := b.until(j.ID, job.TransientError); got.Error.Code != job.BlockedByCost {
		t.Errorf("by the administrator's policy: %v", got.Error)
	}
	_, err := b.Configure(t.Context(), j.ID, func(s *job.Settings) error {
		s.TransferPolicy = job.PolicyAlways
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	b.until(j.ID, job.Transferred)

	spec := b.download(srv.URL)
	spec.Files[0].Local += "2"
	j = b.create(spec)
	b.until(j.ID, job.TransientError)
	b.SetLimits(Limits{}) // as a configuration that was loaded anew
	b.until(j.ID, job.Transferred)
}

// TestChecklist07NetworkUp: a network that is there again brings forward every retry, whatever failed.
func TestChecklist07NetworkUp(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(1000), ebbtest.Status(503), ebbtest.RetryAfter("3600"))
	b := newBench(t)
	j := b.create(b.download(srv.URL))
	waiting := b.until(j.ID, job.TransientError)
	if waiting.Blocked() || time.Until(waiting.RetryAt) < 50*time.Minute {
		t.Fatalf("it waits until %v", waiting.RetryAt)
	}
	b.NetworkUp()
	again := b.until(j.ID, job.Queued)
	if again.ErrorCount != 1 {
		t.Errorf("%d errors", again.ErrorCount)
	}
}

// TestScheduleHoldsJobsBack until its hour is over, and sets the rates of the priorities.
func TestScheduleHoldsJobsBack(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		limits := Limits{}
		from := sinceMidnight(time.Now())
		limits.Sched.Schedule = sched.Schedule{
			Work:      []sched.Window{{Days: [7]bool{true, true, true, true, true, true, true}, From: from, To: from + time.Hour, Rates: sched.Rates{job.Normal: sched.Never}}},
			Otherwise: sched.Rates{job.Normal: 1 << 20},
		}
		b := startBench(t, dir, memstore.New(), memSource{"http://host/x": []byte("content")}, func(c *Config) { c.Limits = limits })
		defer b.stop()
		j := b.create(b.download("http://host/x"))
		time.Sleep(59 * time.Minute)
		snap, err := b.Job(t.Context(), j.ID)
		if err != nil || !snap.Blocked() || snap.Error.Code != job.BlockedByPolicy || snap.ErrorCount != 0 {
			t.Errorf("in the closed hour: %v, %v, %v", snap.State, snap.Error, err)
		}
		time.Sleep(2 * time.Minute)
		if snap, err = b.Job(t.Context(), j.ID); err != nil || snap.State != job.Transferred {
			t.Errorf("after it: %v, waits because %q, %v", snap.State, snap.Waits, err)
		}
		if got := b.classes[job.Normal].Limit(); got != 1<<20 {
			t.Errorf("normal priority has %d bytes per second", got)
		}
	})
}

func sinceMidnight(t time.Time) time.Duration {
	h, m, s := t.Clock()
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
}

// TestLimitsOfUsers: administrators are exempt from them, and jobs that are final do not count.
func TestLimitsOfUsers(t *testing.T) {
	b := newBench(t, func(c *Config) {
		c.Limits = Limits{JobsPerMachine: 4, JobsPerUser: 2, FilesPerJob: 3, RangesPerFile: 2}
	})
	files := func(n int, spans ...job.Span) (out []job.FileSpec) {
		for i := range n {
			out = append(out, job.FileSpec{URL: "http://127.0.0.1:1/x", Local: filepath.Join(b.dir, fmt.Sprint(len(spans), n, i)), Ranges: spans})
		}
		return out
	}
	user, root := Actor{ID: "uid:1"}, Actor{ID: "uid:0", Admin: true}
	create := func(by Actor, files ...job.FileSpec) (job.Snapshot, error) {
		return b.Create(t.Context(), by, job.Spec{Settings: job.DefaultSettings(), Files: files})
	}
	_, err := create(user, files(4)...)
	refused(t, err, job.TooManyFilesInJob)
	_, err = create(user, files(1, job.Span{Length: 1}, job.Span{Offset: 1, Length: 1}, job.Span{Offset: 2, Length: 1})...)
	refused(t, err, job.TooManyRangesInFile)

	first, err := create(user, files(2)...)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.AddFiles(t.Context(), first.ID, user, files(3)[1:])
	refused(t, err, job.TooManyFilesInJob)
	if _, err := b.AddFiles(t.Context(), first.ID, root, files(3)[1:]); err != nil {
		t.Errorf("an administrator: %v", err)
	}
	if _, err := create(user); err != nil {
		t.Fatal(err)
	}
	_, err = create(user)
	refused(t, err, job.TooManyJobsPerUser)
	for range 2 {
		if _, err := create(Actor{ID: "uid:2"}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = create(Actor{ID: "uid:3"})
	refused(t, err, job.TooManyJobsPerMachine)
	if _, err := create(root, files(9)...); err != nil {
		t.Errorf("an administrator: %v", err)
	}
	b.do(first.ID, job.Cancel{})
	b.until(first.ID, job.Cancelled)
	b.SetLimits(Limits{JobsPerUser: 2})
	if _, err := create(user); err != nil {
		t.Errorf("once a job is final: %v", err)
	}
}

// TestDefaultsOfTheAdministrator: they are for jobs that were given nothing, and not for those that were given what would hold
// without an administrator.
func TestDefaultsOfTheAdministrator(t *testing.T) {
	t.Parallel()
	const days90 = job.Duration(90 * 24 * time.Hour)
	b := newBench(t, func(c *Config) { c.Limits = Limits{MaxDownloadTime: job.Duration(time.Hour)} })
	for _, tt := range []struct{ given, want job.Duration }{
		{0, job.Duration(time.Hour)},
		{days90, days90},
		{job.Duration(2 * time.Hour), job.Duration(2 * time.Hour)},
	} {
		settings := job.DefaultSettings()
		settings.MaxDownloadTime = tt.given
		snap, err := b.Create(t.Context(), Actor{ID: "uid:1"}, job.Spec{Settings: settings})
		if err != nil {
			t.Fatal(err)
		}
		if snap.MaxDownloadTime != tt.want || snap.InactivityTimeout != days90 {
			t.Errorf("given %v it has %v, and %v of inactivity; want %v and %v", tt.given, snap.MaxDownloadTime, snap.InactivityTimeout, tt.want, days90)
		}
	}
}
