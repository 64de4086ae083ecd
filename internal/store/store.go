// Package store keeps jobs, their secrets, the outbox of notices and what owners have transferred durable. Its
// implementations are in the folders beside this file; storetest is the contract as a test.
package store

import (
	"context"
	"errors"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// Errors of every implementation.
var (
	// ErrLocked means that another process has the folder open.
	ErrLocked = errors.New("the state folder is in use by another daemon")
	// ErrNewer means that a newer version of ebb wrote the folder. It is left untouched.
	ErrNewer = errors.New("the state folder was written by a newer version of ebb")
	// ErrNotFound means that there is no such record.
	ErrNotFound = errors.New("not found")
	// ErrClosed is returned by every method after Close.
	ErrClosed = errors.New("the state folder is closed")
)

// Store is one folder of durable state with one owner. All methods may be called
// concurrently. Reads never wait for writes.
type Store interface {
	// Load calls yield with every job that is not final, with its files, in the order of Seq, and
	// returns the highest Seq that was ever used.
	Load(ctx context.Context, yield func(job.Job) error) (lastSeq uint64, err error)

	// Commit makes the whole batch durable or nothing of it. Once it returned nil the batch
	// survives a power cut. After an error the outcome is unknown: the caller must Load again.
	// It returns the IDs of the notices, in the order given. Refused are a Seq that another job
	// has, a file that its job does not have, and a notice or secret of a job that is not stored.
	Commit(ctx context.Context, b Batch) ([]uint64, error)

	// Job returns one job with its files, final or not; ErrNotFound when there is none.
	Job(ctx context.Context, id job.ID) (job.Job, error)
	// History returns final jobs without their files, newest first: at most limit jobs whose Seq
	// is below before (0: from the newest).
	History(ctx context.Context, before uint64, limit int) ([]job.Job, error)
	// Answer returns what the server last said about a file; ErrNotFound when nothing is stored.
	Answer(ctx context.Context, id job.ID, file job.FileID) (job.Answer, error)
	// Prune deletes final jobs, with their notices and secrets, that were modified before then, and
	// the oldest beyond the newest keep. Notices that still wait to be delivered keep their job.
	Prune(ctx context.Context, then time.Time, keep int) (deleted int, err error)

	// Secret returns a job's secret as it was put; ErrNotFound when there is none. A final job has none, but for SecretWebhook as
	// long as one of its notices waits to be delivered.
	Secret(ctx context.Context, id job.ID, name string) ([]byte, error)

	// Notices returns at most limit notices with an ID above after, in the order of their IDs.
	Notices(ctx context.Context, after uint64, limit int) ([]Notice, error)
	// Pending returns the notices that still wait to be delivered, in the order of their IDs.
	Pending(ctx context.Context) ([]Notice, error)
	// Delivered records one attempt to deliver a pending notice: done, or again at next;
	// ErrNotFound when the notice is gone or does not wait.
	Delivered(ctx context.Context, id uint64, done bool, next time.Time) error

	// Usage returns what was last stored for each owner, in the order of their IDs.
	Usage(ctx context.Context) ([]Usage, error)

	// Close releases the folder. Calls in progress end first.
	Close() error
}

// Batch is what one commit makes durable.
type Batch struct {
	Jobs    []Change
	Notices []Notice
	Secrets []Secret
	Forget  []job.ID // final jobs to delete, with all that belongs to them
	Usage   []Usage  // each replaces what is stored for its owner, so that a batch that is repeated counts once
}

// Change is a job to store and which of its files changed with it.
type Change struct {
	Job   job.Job
	Files []job.FileID // empty: none
	// Answers are what servers said about some of Files. Those of others stay as they are stored.
	Answers map[job.FileID]job.Answer
}

// Notice is an entry of the outbox: what happened to a job, with the job as it was then.
type Notice struct {
	ID       uint64       `json:"id"` // given by Commit, rising
	At       time.Time    `json:"at"`
	Kind     job.Notice   `json:"kind"`
	Job      job.Snapshot `json:"job"`
	File     *job.File    `json:"file,omitempty"` // the file of NoticeFileTransferred
	Pending  bool         `json:"-"`              // waits for the job's command or webhook
	Attempts int          `json:"-"`              // deliveries that failed
	Next     time.Time    `json:"-"`              // not to be tried before
}

// Usage is what the jobs of an owner have transferred in a period. It does not go when they do.
type Usage struct {
	Owner string // actor ID, such as "uid:1000"
	Since string // the first day of the period, as time.DateOnly
	Bytes int64
}

// SecretWebhook is the name of the key that signs the calls of a job's webhook.
const SecretWebhook = "webhook"

// Secret is a job's secret, already sealed. A nil Sealed deletes it.
type Secret struct {
	Job    job.ID
	Name   string // such as "credentials/server/basic"
	Sealed []byte
}
