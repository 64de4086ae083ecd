//go:build integration && linux

package daemon_test

import (
	"fmt"
	"slices"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

// account is what one client knows of a job that only it commands: what the daemon acknowledged, and what it may have done when
// it was killed before it could answer.
type account struct {
	id        job.ID
	auto      bool   // the job completes by itself
	files     int    // that were certainly added
	maybe     int    // that may have been
	running   []bool // what the job may be: resumed or not; the last certain one, and what may have come after
	cancelled certainty
	completed certainty
	texts     []string // what its description may be
}

type certainty int

const (
	no certainty = iota
	perhaps
	yes
)

// resume takes note of a Resume or Suspend.
func (a *account) resume(on, sure bool) {
	if sure {
		a.running = a.running[:0]
	}
	a.running = append(a.running, on)
}

func (a *account) describe(text string, sure bool) {
	if sure {
		a.texts = a.texts[:0]
	}
	a.texts = append(a.texts, text)
}

func certain(sure bool) certainty {
	if sure {
		return yes
	}
	return perhaps
}

// wrong says in what the job is not as its history implies, once nothing moves any more; "" when all is well. events are
// those of the job, in their order.
func (a *account) wrong(j *ebb.Job, events []ebb.Event) string {
	var kinds []job.Notice
	for _, e := range events {
		if e.Kind != job.NoticeFileTransferred {
			kinds = append(kinds, e.Kind)
		}
	}
	last := job.Notice(-1)
	if len(kinds) > 0 {
		last = kinds[len(kinds)-1]
	}
	finals := 0
	for _, k := range kinds {
		if k == job.NoticeAcknowledged || k == job.NoticeCancelled {
			finals++
		}
	}
	switch {
	case j.Intent != job.NoIntent:
		return "it is still " + j.Intent.String()
	case !slices.Contains(a.texts, j.Description):
		return fmt.Sprintf("its description is %q, and should be one of %q", j.Description, a.texts)
	case j.Totals.Files < a.files || j.Totals.Files > a.files+a.maybe:
		return fmt.Sprintf("it has %d files, not %d (or %d more)", j.Totals.Files, a.files, a.maybe)
	case finals > 1 || finals == 1 != j.State.Final():
		return fmt.Sprintf("it became final %d times", finals)
	case a.cancelled == yes && j.State != job.Cancelled, a.completed == yes && j.State != job.Acknowledged:
		return "a command that was acknowledged is forgotten"
	case j.State == job.Cancelled && a.cancelled == no:
		return "nobody cancelled it"
	case j.State == job.Acknowledged && a.completed == no && !a.auto:
		return "nobody completed it"
	}
	return a.wrongState(j.State, last)
}

func (a *account) wrongState(state job.State, last job.Notice) string {
	implied := map[job.State]job.Notice{
		job.Acknowledged: job.NoticeAcknowledged, job.Cancelled: job.NoticeCancelled,
		job.Transferred: job.NoticeTransferred, job.InError: job.NoticeError,
	}
	want, told := implied[state]
	switch {
	case told && last != want:
		return fmt.Sprintf("its last event is %s", last)
	case state.Final():
		return ""
	case state == job.Suspended && !slices.Contains(a.running, false):
		return "nobody suspended it"
	case state != job.Suspended && !slices.Contains(a.running, true):
		return "nobody resumed it"
	case !told && state != job.Suspended:
		return "it does not come to rest"
	}
	return ""
}
