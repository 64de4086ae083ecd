package job

import "time"

// Event is something that happened to a job: a command of its owner, a fact from a
// worker, or the clock. [Next] says what each does in each state.
type Event interface {
	apply(t *transition) error
}

// Commands of the owner.
type (
	// Resume queues a job, and tries a waiting or failed one again now. A job with nothing left to
	// transfer is refused with Empty.
	Resume struct{}
	// Suspend stops a job until Resume.
	Suspend struct{}
	// Cancel gives a job up and deletes its bytes.
	Cancel struct{}
	// Complete publishes the finished files of a download and discards the others.
	Complete struct{}
	// AddFiles appends files, all or none.
	AddFiles struct{ Files []FileSpec }
	// Set replaces the settings.
	Set struct{ Settings Settings }
	// SetCredentials records which pairs have credentials now.
	SetCredentials struct{ Pairs []CredentialRef }
	// TakeOwnership gives the job to another owner, without what the former one trusted it with: credentials, headers,
	// client certificate, notify command and webhook, and the leave to send passwords in the clear. The state
	// stays. The owner's own is no change.
	TakeOwnership struct{ Owner string }
	// SetHeaders records which custom headers are set now.
	SetHeaders struct{ Names []string }
	// SetClientCert records whether there is a client certificate now.
	SetClientCert struct{ Set bool }
	// SetWebhookKey says that the key that signs the calls of the webhook is another one now.
	SetWebhookKey struct{}
)

// Commands for single files.
type (
	// SetRemoteName gives an unfinished file of a download another URL. What is stored stays, if the new source proves to be the
	// same version.
	SetRemoteName struct {
		File FileID
		URL  string
	}
	// ReplaceRemotePrefix replaces the beginning of the URLs of a download's files, where they begin like that. A finished one is
	// never fetched again.
	ReplaceRemotePrefix struct{ Old, New string }
	// SkipFile leaves an unfinished file out, and takes it in again. A job without any other unfinished file is Transferred by
	// it, or Suspended if it has no finished one either; so it is with RemoveFile.
	SkipFile struct {
		File FileID
		Skip bool
	}
	// RetryFile fetches a file anew from its first byte, also one that is done or skipped. A Transferred job is Suspended
	// by it.
	RetryFile struct{ File FileID }
	// RemoveFile takes a file out of the job and deletes what is stored of it.
	RemoveFile struct{ File FileID }
	// SetValidation says whether the owner found a finished file to be right. One that is wrong stops the job with
	// ValidationFailed and is fetched anew by the next Resume.
	SetValidation struct {
		File  FileID
		Valid bool
	}
	// RequestRanges asks for bytes of a file of a download without ranges of its own. It does not resume the job.
	RequestRanges struct {
		File   FileID
		Ranges Ranges
	}
	// UpdatePosition makes fetching go on at an offset of the file; what is missing before it comes last.
	UpdatePosition struct {
		File   FileID
		Offset int64
	}
)

// Facts about the world that a job runs in.
type (
	// Blocked says that a policy or the lack of a network keeps the job from running. It is not an error of the job and
	// neither counted nor timed. Err is never nil.
	Blocked struct{ Err *Error }
	// Unblocked says that what blocked the job has passed.
	Unblocked struct{}
	// NetworkUp says that there is a network again: whatever failed for a while is tried again now.
	NetworkUp struct{}
)

// Facts from the workers.
type (
	// Progress says what is stored of a file and what its server told. It counts in every state that
	// is not final, because the bytes are on disk. Filled only adds.
	Progress struct {
		File      FileID
		Filled    Ranges
		Size      int64 // UnknownSize when the server did not tell
		Validator Validator
		Modified  time.Time // Last-Modified, zero when unknown
		Name      string    // safe name from the answer, "" for none
		Boot      string
		// Redirected is the URL that replaces the file's, when redirects led there and are to be reported; "" for none.
		Redirected string
	}
	// FileDone says that a file is whole, synced and verified. Of one that was skipped meanwhile only the bytes
	// count.
	FileDone struct {
		File FileID
		Size int64
	}
	// Fault says that a file could not be transferred. It stops the job. Err is never nil.
	Fault struct{ Err *Error }
	// Changed says that the remote file is another version now: what is stored of it is void.
	Changed struct{ File FileID }
	// Ran adds to the time a job spent connecting and transferring.
	Ran struct{ For time.Duration }
	// Settled says that the effect of the intent is carried out.
	Settled struct{ Result Code }
	// Unsettled says that the effect of the intent failed; the job stays. Err is never nil.
	Unsettled struct{ Err *Error }
)

// The clock.
type (
	// Tick says that Wake may have passed.
	Tick struct{}
	// Boot says that the job was just loaded. Nothing is running.
	Boot struct{}
)

// Effect is what the engine must do once the job that came with it is durable.
type Effect interface{ effect() }

// The effects. Publish and Discard are idempotent.
type (
	// StopTransfer ends the job's workers.
	StopTransfer struct{}
	// Publish gives every finished file its final name and deletes the partial files of the
	// others; then Settled or Unsettled.
	Publish struct{}
	// Discard deletes all partial files; then Settled or Unsettled.
	Discard struct{}
	// DiscardFile deletes the partial file of one file, which the job does without. Nothing waits for it.
	DiscardFile struct{ File FileID }
	// Notify is an entry of the outbox, stored in the same commit as the job.
	Notify struct {
		Kind Notice
		File FileID // for NoticeFileTransferred
	}
	// WakeAt asks for a Tick at that time; zero for none any more.
	WakeAt struct{ At time.Time }
)

func (StopTransfer) effect() {}
func (Publish) effect()      {}
func (Discard) effect()      {}
func (DiscardFile) effect()  {}
func (Notify) effect()       {}
func (WakeAt) effect()       {}

// Notice is what an entry of the outbox tells.
type Notice int

// The notices. Entering TransientError is none, as in BITS.
const (
	NoticeTransferred     Notice = 0 // every file is here (JobTransferred)
	NoticeError           Notice = 1 // the job needs its owner (JobError)
	NoticeFileTransferred Notice = 2 // one file is here (FileTransferred)
	NoticeAcknowledged    Notice = 3 // the files have their names
	NoticeCancelled       Notice = 4 // the job is given up
)

var noticeNames = []string{"transferred", "error", "file_transferred", "acknowledged", "cancelled"}

// String returns the notice's name.
func (n Notice) String() string { return nameOf(noticeNames, int(n), "Notice") }

// MarshalText returns the notice's name.
func (n Notice) MarshalText() ([]byte, error) { return []byte(n.String()), nil }

// UnmarshalText accepts a notice's name.
func (n *Notice) UnmarshalText(b []byte) error { return parseName(noticeNames, b, "notice", (*int)(n)) }
