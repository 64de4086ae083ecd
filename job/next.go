package job

import (
	"slices"
	"time"
)

// Policy is what Next needs to know from outside.
type Policy struct {
	// Jitter is a random number in [0, 1), drawn anew for each call.
	Jitter float64
}

// Next returns the job after ev and what the caller must do once that job is durable.
// It reads no clock, does no I/O, logs nothing. It is the only place where a job changes its
// state and the only retry loop of the program.
//
// An event that the state does not allow is refused with an error that wraps [ErrState];
// other refusals are an [*Error] of class Fatal. A refused event changes nothing.
func Next(j Job, ev Event, now time.Time, p Policy) (Job, []Effect, error) {
	t := transition{Job: j, now: now, policy: p}
	if err := ev.apply(&t); err != nil {
		return j, nil, err
	}
	if wake := t.Wake(); !wake.Equal(j.Wake()) || (ev == Boot{} && !wake.IsZero()) {
		t.emit(WakeAt{wake})
	}
	return t.Job, t.effects, nil
}

// transition is a job on its way to the next one.
type transition struct {
	Job
	now     time.Time
	policy  Policy
	effects []Effect
}

func (t *transition) emit(e Effect) { t.effects = append(t.effects, e) }

// stop ends the workers; once is enough.
func (t *transition) stop() {
	if !slices.Contains(t.effects, Effect(StopTransfer{})) {
		t.emit(StopTransfer{})
	}
}

// enter changes the state.
func (t *transition) enter(s State) {
	t.State, t.RetryAt, t.Modified = s, time.Time{}, t.now
}

// open refuses commands to a job that is final or about to be.
func (t *transition) open(command string) error {
	if t.State.Final() || t.Intent != NoIntent {
		return t.refuse(command)
	}
	return nil
}

// active reports whether the job runs, or will by itself.
func (t *transition) active() bool {
	return t.Intent == NoIntent && (t.State == Queued || t.State == TransientError)
}

func (t *transition) allDone() bool {
	return t.Totals.FilesDone > 0 && t.Totals.FilesDone+t.Totals.Skipped == t.Totals.Files
}

func (Resume) apply(t *transition) error {
	if err := t.open("resume"); err != nil {
		return err
	}
	switch {
	case t.Totals.Files == 0:
		return Invalid(Empty, "job %s has no files; add one first", t.ID)
	case t.Totals.Files == t.Totals.Skipped:
		return Invalid(Empty, "all files of job %s are skipped; take one in again, or add one", t.ID)
	case t.State == Transferred && t.allDone():
		return Invalid(Empty, "job %s has nothing left to transfer; complete it", t.ID)
	case t.State == Queued:
		return nil
	}
	t.Attempts, t.Gained, t.Active, t.FailingSince, t.Resumed = 0, 0, 0, time.Time{}, true
	if t.Method != "" {
		t.voidUnfinished()
	}
	t.queue()
	return nil
}

// voidUnfinished begins anew: the answer to a method other than GET is no file that could be resumed.
func (t *transition) voidUnfinished() {
	for f := range t.Files.All() {
		if !f.Done && !f.Removed && (f.Boot != "" || len(f.Filled) > 0) {
			t.setFile(f.void())
		}
	}
}

// queue lets the job run, if there is something to run for.
func (t *transition) queue() {
	t.Finished = time.Time{}
	t.enter(Queued)
	if !t.tooMuch(0) {
		t.rest()
	}
}

// rest ends the run of a job that has nothing to fetch. Either its last file is here, or, on demand, all that was asked for; or
// what was left has been skipped or removed.
func (t *transition) rest() {
	switch {
	case !t.active() || !t.Idle():
	case t.allDone():
		t.transferred()
	default:
		t.Error, t.FailingSince = nil, time.Time{}
		t.enter(Suspended)
		t.stop()
	}
}

func (Suspend) apply(t *transition) error {
	if err := t.open("suspend"); err != nil {
		return err
	}
	if t.State == Suspended {
		return nil
	}
	t.enter(Suspended)
	t.stop()
	return nil
}

func (Cancel) apply(t *transition) error {
	if t.Intent == Cancelling {
		return nil
	}
	if err := t.open("cancel"); err != nil {
		return err
	}
	t.cancel()
	return nil
}

func (t *transition) cancel() {
	t.Intent, t.Modified = Cancelling, t.now
	t.stop()
	t.emit(Discard{})
}

func (Complete) apply(t *transition) error {
	if t.Intent == Completing {
		return nil
	}
	if err := t.open("complete"); err != nil {
		return err
	}
	if t.Type != Download && t.State != Transferred {
		return t.refuse("complete")
	}
	t.complete()
	return nil
}

func (t *transition) complete() {
	t.Intent, t.Modified = Completing, t.now
	t.stop()
	t.emit(Publish{})
}

func (ev AddFiles) apply(t *transition) error {
	if err := t.open("add files to"); err != nil {
		return err
	}
	if t.Type != Download && t.Totals.Files+len(ev.Files) > 1 {
		return Invalid(TooManyFiles, "an upload has exactly one file")
	}
	files, err := newFiles(ev.Files)
	if err != nil {
		return err
	}
	if err := t.mayHaveRanges(files); err != nil {
		return err
	}
	if name, twice := sharedName(t.Files, files); twice {
		return Invalid(FileExists, "two files of job %s would be called %q", t.ID, name)
	}
	t.Files = t.Files.AppendAll(files)
	for _, f := range files {
		t.Totals.count(f, +1)
	}
	t.Modified = t.now
	return nil
}

func (t *transition) mayHaveRanges(files []File) error {
	if !slices.ContainsFunc(files, func(f File) bool { return len(f.Ranges) > 0 }) {
		return nil
	}
	switch {
	case t.Type != Download:
		return Invalid(NotImplemented, "only downloads have ranges")
	case t.Dynamic || t.OnDemand:
		return Invalid(UnsupportedConfiguration, "job %s is dynamic or on demand, so its files cannot have ranges", t.ID)
	case t.Method != "":
		return Invalid(NotSupportedWithMethod, "job %s has method %s, so its files cannot have ranges", t.ID, t.Method)
	}
	return nil
}

func newFiles(specs []FileSpec) ([]File, error) {
	if len(specs) == 0 {
		return nil, Invalid(InvalidArg, "no files given")
	}
	files := make([]File, len(specs))
	for i, spec := range specs {
		f, err := spec.file()
		if err != nil {
			return nil, err
		}
		files[i] = f
	}
	return files, nil
}

// sharedName finds a local name that two files would have.
func sharedName(have Files, add []File) (name string, twice bool) {
	seen := make(map[string]bool, len(add))
	for _, f := range add {
		if seen[f.Local] {
			return f.Local, true
		}
		seen[f.Local] = true
	}
	for f := range have.All() {
		if seen[f.Local] && !f.Removed {
			return f.Local, true
		}
	}
	return "", false
}

func (ev Set) apply(t *transition) error {
	if err := t.open("change"); err != nil {
		return err
	}
	s, err := ev.Settings.check(t.Type)
	if err != nil {
		return err
	}
	if s.Method != "" && s.Method != t.Method { // later on, another priority is refused
		s.Priority = Foreground
	}
	if err := t.mayChange(s); err != nil {
		return err
	}
	t.Settings, t.Modified = s, t.now
	if t.State == Transferred && t.allDone() && t.AutoComplete && t.Type == Download {
		t.complete()
	}
	t.rest()
	return nil
}

func (ev SetCredentials) apply(t *transition) error {
	if err := t.open("change the credentials of"); err != nil {
		return err
	}
	t.Credentials, t.Modified = slices.Clone(ev.Pairs), t.now
	t.NeedsCredentials = t.NeedsCredentials && len(ev.Pairs) == 0
	return nil
}

// TakeOwnership stops the workers, for they act for the former owner; a queued job goes on without his secrets.
func (ev TakeOwnership) apply(t *transition) error {
	if err := t.open("take ownership of"); err != nil {
		return err
	}
	if ev.Owner == t.Owner {
		return nil
	}
	if t.State != Transferred && (len(t.Credentials)+len(t.HeaderNames) > 0 || t.Network.ClientCert) {
		t.NeedsCredentials = true
	}
	t.Owner, t.Credentials, t.HeaderNames = ev.Owner, nil, nil
	t.Network.ClientCert, t.Network.AllowCleartext = false, false
	t.NotifyCommand, t.NotifyURL = nil, ""
	t.Modified = t.now
	if t.Runnable() {
		t.stop()
	}
	return nil
}

func (ev SetHeaders) apply(t *transition) error {
	if err := t.open("change the headers of"); err != nil {
		return err
	}
	t.HeaderNames, t.Modified = slices.Clone(ev.Names), t.now
	t.NeedsCredentials = t.NeedsCredentials && len(ev.Names) == 0
	return nil
}

func (ev SetClientCert) apply(t *transition) error {
	if err := t.open("change the client certificate of"); err != nil {
		return err
	}
	t.Network.ClientCert, t.Modified = ev.Set, t.now
	t.NeedsCredentials = t.NeedsCredentials && !ev.Set
	return nil
}

func (SetWebhookKey) apply(t *transition) error {
	if err := t.open("change the webhook key of"); err != nil {
		return err
	}
	t.Modified = t.now
	return nil
}
