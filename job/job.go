package job

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ID is a job's UUID in its canonical text form.
type ID string

// Short is enough of an ID to name a job, in all likelihood.
func (id ID) Short() string { return string(id[:min(8, len(id))]) }

// Job is one durable transfer of files. It is a value: [Next] returns the changed job
// and leaves the one it was given alone.
type Job struct {
	ID    ID     `json:"id"`
	Seq   uint64 `json:"seq"`   // order of submission, given by the engine
	Owner string `json:"owner"` // actor ID of the owner, such as "uid:1000"
	Type  Type   `json:"type"`
	Settings
	// Credentials are the pairs that credentials are set for; the secrets are elsewhere.
	Credentials []CredentialRef `json:"credentials,omitempty"`
	// HeaderNames are the names of the custom headers; their values may be secret.
	HeaderNames []string `json:"header_names,omitempty"`
	// NeedsCredentials says that TakeOwnership wiped credentials, headers or a client certificate. It stays until
	// any of them are set, or until the job is Transferred without.
	NeedsCredentials bool `json:"needs_credentials,omitzero"`

	State  State  `json:"state"` // never Connecting or Transferring
	Intent Intent `json:"intent,omitzero"`
	Files  Files  `json:"-"`
	Totals Totals `json:"totals"`

	// Error is why the job is in InError or TransientError. It stays while the job is Queued again,
	// until bytes move, and while Transferred after publishing failed.
	Error      *Error `json:"error,omitempty"`
	ErrorCount int    `json:"error_count,omitzero"` // never reset (see Fault)
	// Failures are the last errors of the job, oldest first, at most MaxFailures. What blocked it is none.
	Failures []Failure `json:"failures,omitempty"`
	// Result says how a final state was reached: OK, PartialComplete or UnableToDeleteFiles.
	Result Code `json:"result,omitzero"`

	// Resumed says that the job has been resumed at least once.
	Resumed bool `json:"resumed,omitzero"`
	// RetryAt is when a TransientError job is tried again; zero in every other state, and while the job is blocked (see
	// [Job.Blocked]).
	RetryAt time.Time `json:"retry_at,omitzero"`
	// Attempts counts the transient errors since the job last made headway.
	Attempts int `json:"attempts,omitzero"`
	// Gained is the number of bytes stored since the last error, less those that Changed made void.
	Gained int64 `json:"gained,omitzero"`
	// FailingSince is the first transient error after the last byte: the start of the no-progress clock.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// Active is the time spent connecting and transferring since the last Resume.
	Active time.Duration `json:"active,omitzero"`

	Created  time.Time `json:"created"`
	Modified time.Time `json:"modified"` // last change of a property, a state or a byte
	// Finished is when the last file was transferred; zero until then.
	Finished time.Time `json:"finished,omitzero"`
}

// New returns a suspended job without files. Settings out of range are refused with an
// [*Error] of class Fatal; a retry delay below the floor is raised to it.
func New(id ID, owner string, typ Type, s Settings, now time.Time) (Job, error) {
	if typ < Download || typ > UploadReply {
		return Job{}, Invalid(NotImplemented, "type %d is none of download, upload, upload_reply", int(typ))
	}
	s.MaxDownloadTime = cmp.Or(s.MaxDownloadTime, Duration(DefaultMaxDownloadTime))
	s.InactivityTimeout = cmp.Or(s.InactivityTimeout, Duration(DefaultInactivityTimeout))
	s, err := s.check(typ)
	if err != nil {
		return Job{}, err
	}
	if s.Method != "" {
		s.Priority = Foreground
	}
	return Job{ID: id, Owner: owner, Type: typ, Settings: s, State: Suspended, Created: now, Modified: now}, nil
}

// WithFiles returns the job with the files it was stored with. Only a store needs it.
func (j Job) WithFiles(files Files) Job {
	j.Files, j.Totals = files, Totals{}
	for f := range files.All() {
		j.Totals.count(f, +1)
	}
	return j
}

// Runnable reports whether the job waits for nothing but a slot.
func (j Job) Runnable() bool { return j.State == Queued && j.Intent == NoIntent }

// Blocked reports whether a TransientError job waits for a condition, such as a network, and not for a time.
func (j Job) Blocked() bool { return j.State == TransientError && j.RetryAt.IsZero() }

// CurrentError is what BITS's GetError gives: the error of a job that is stopped by one, or that was and has moved no
// byte since; nil otherwise.
func (j Job) CurrentError() *Error {
	switch j.State {
	case InError, TransientError, Queued, Connecting:
		return j.Error
	default:
		return nil
	}
}

// Wake is when the job needs its next Tick; the zero time when it needs none.
func (j Job) Wake() time.Time {
	if j.State.Final() || j.Intent != NoIntent {
		return time.Time{}
	}
	wake := j.Modified.Add(time.Duration(j.InactivityTimeout))
	for _, at := range []time.Time{j.RetryAt, j.deadline(), j.giveUpAt()} {
		if !at.IsZero() && at.Before(wake) {
			wake = at
		}
	}
	return wake
}

// deadline is the moment that cancels the job; zero once all is transferred.
func (j Job) deadline() time.Time {
	if j.State == Transferred {
		return time.Time{}
	}
	return j.Deadline
}

// giveUpAt is when the no-progress clock runs out; zero while it does not run.
func (j Job) giveUpAt() time.Time {
	if j.FailingSince.IsZero() || (j.State != Queued && j.State != TransientError) {
		return time.Time{}
	}
	return j.FailingSince.Add(time.Duration(j.NoProgressTimeout))
}

func (j *Job) setFile(f File) {
	old, _ := j.Files.Get(f.ID)
	j.Totals.count(old, -1)
	j.Totals.count(f, +1)
	j.Files = j.Files.set(f)
}

// FileSpec is a file to be added to a job.
type FileSpec struct {
	URL string `json:"url"`
	// Local is the absolute path of the file to be written. With NameFromServer its last
	// element may be replaced by the name in the server's answer.
	Local          string `json:"local"`
	NameFromServer bool   `json:"name_from_server,omitzero"`
	Digest         string `json:"digest,omitempty"` // "sha256=HEX"; also sha512, sha1, md5
	// Ranges are all that is to be fetched; none for the whole file. They must not overlap (OverlappingRanges). They are
	// written one after another in the order given (BITS: AddFileWithRanges), or with Sparse each at its own offset.
	Ranges []Span `json:"ranges,omitempty"`
	Sparse bool   `json:"sparse,omitzero"`
}

func (s FileSpec) file() (File, error) {
	if err := checkURL(s.URL); err != nil {
		return File{}, err
	}
	if s.Local == "" || strings.ContainsRune(s.Local, 0) {
		return File{}, Invalid(InvalidArg, "the file for %s has no local name", redact(s.URL))
	}
	if err := checkSpans(s.Ranges); err != nil {
		return File{}, err
	}
	if s.Sparse && len(s.Ranges) == 0 {
		return File{}, Invalid(InvalidArg, "sparse is a layout for ranges, and %s has none", redact(s.URL))
	}
	f := File{URL: s.URL, Local: s.Local, NameFromServer: s.NameFromServer, Ranges: slices.Clone(s.Ranges), Sparse: s.Sparse}
	f.Size = f.LocalSize(UnknownSize)
	if s.Digest != "" {
		digest, err := ParseDigest(s.Digest)
		if err != nil {
			return File{}, err
		}
		f.Digest = digest
	}
	return f, nil
}

// Remedy is how a job that stopped with an error goes on, for a person at a command line.
func (j Job) Remedy() string {
	id, status := j.ID.Short(), 0
	if j.Error != nil {
		status = j.Error.Code.HTTP()
	}
	switch status {
	case 401:
		return fmt.Sprintf("for other credentials: ebb credentials set %[1]s; then: ebb resume %[1]s", id)
	case 407:
		return fmt.Sprintf("for other credentials: ebb credentials set %[1]s --target proxy; then: ebb resume %[1]s", id)
	}
	return "once that is cleared: ebb resume " + id
}

// refuse is the error for a command that the state does not allow.
func (j Job) refuse(command string) error {
	state := j.State.String()
	if j.Intent != NoIntent {
		state = j.Intent.String()
	}
	return &Error{
		Context: ContextQueueManager, Code: InvalidState, Class: Fatal, Err: ErrState,
		Text: fmt.Sprintf("cannot %s job %s: it is %s", command, j.ID, strings.ReplaceAll(state, "_", " ")),
	}
}
