package ebb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/ebb-transfer/ebb/job"
)

// Notify is the live callback of a job (BITS: IBackgroundCopyCallback, 2 and 3). Which methods are called is for the job's
// notify flags to say; job.NotifyDisable wins over all others. They are called one after the other, never two at a time for a
// job, and should return soon: as long as one takes, nobody is told anything else about that job, and no more than four
// notices of one user are under way at a time; JobModification and FileRangesTransferred count for their first 10 s.
//
// JobTransferred, JobError and FileTransferred are lossless. One that returns an error is called again, after 1 s, 2 s,
// 4 s … up to the job's retry delay; when the job has a notify command, that is run in its place, and only if it fails, too,
// both are tried again after the whole retry delay. One that returns nil keeps the command from being run for that event. The
// webhook and the events of [Client.Follow] do not depend on any of this. An event may be told more than once, for example
// when the service ends before it has stored the answer: what a method does must be right the second time as well.
//
// JobModification and FileRangesTransferred may be left out: changes that come quickly are told together, no more often than
// the job's MinNotifyInterval says, and what they return is not looked at.
//
// The job that a method gets is as it was when the event happened, and can be commanded like any other.
type Notify interface {
	// JobTransferred says that all files are here. This is the moment to [Job.Complete] a job that does not complete by
	// itself. Flag job.NotifyTransferred.
	JobTransferred(ctx context.Context, j *Job) error
	// JobError says that the job has stopped and needs its owner. An error that ebb gets over by itself is not told. Flag
	// job.NotifyError.
	JobError(ctx context.Context, j *Job, failed *job.Error) error
	// JobModification says that bytes were moved, or that a property or the state changed; not that the job was transferred
	// or failed, which the methods above say. Flag job.NotifyModification.
	JobModification(ctx context.Context, j *Job) error
	// FileTransferred says that a file is here: under its Temporary name, until the job is completed. It is called file by
	// file, for the next one once it returned nil for this one, and for all before JobTransferred or JobError.
	// [Job.SetValidation] refuses a file that is wrong. Flag job.NotifyFileTransferred.
	FileTransferred(ctx context.Context, j *Job, f job.FileSnapshot) error
	// FileRangesTransferred says which bytes of a file have arrived since it was last called for that file; the first time, which
	// are there. Flag job.NotifyFileRanges.
	FileRangesTransferred(ctx context.Context, j *Job, f job.FileSnapshot, arrived job.Ranges) error
}

// NopNotify is a [Notify] whose methods do nothing and succeed. Embed it and write only those you need.
type NopNotify struct{}

// JobTransferred returns nil.
func (NopNotify) JobTransferred(context.Context, *Job) error { return nil }

// JobError returns nil.
func (NopNotify) JobError(context.Context, *Job, *job.Error) error { return nil }

// JobModification returns nil.
func (NopNotify) JobModification(context.Context, *Job) error { return nil }

// FileTransferred returns nil.
func (NopNotify) FileTransferred(context.Context, *Job, job.FileSnapshot) error { return nil }

// FileRangesTransferred returns nil.
func (NopNotify) FileRangesTransferred(context.Context, *Job, job.FileSnapshot, job.Ranges) error {
	return nil
}

// ErrReplaced is returned by [Job.Notify] when another callback took its place: the last one that is set wins.
var ErrReplaced = errors.New("another callback was set for this job")

// Notify makes n the live callback of the job until ctx ends, and calls its methods from this goroutine. What happened before
// is told first: which files are here, and whether the job is transferred or in error.
//
// A job has one callback. The last one that is set wins; an earlier one ends with [ErrReplaced]. It is not durable: it is gone
// when this program ends, and a program that starts again sets it again. Over a restart of the service Notify
// goes on, as [Client.Watch] does, and no event that is lossless is missed.
//
// It returns nil once the job is final and n has heard of everything; the error of ctx when that ends first; an error
// that wraps [ErrUnavailable] when the service does not come back within about ten seconds, and [ErrNotFound] when the
// caller may not see the job any more.
//
// In BITS: IBackgroundCopyJob::SetNotifyInterface.
func (j *Job) Notify(ctx context.Context, n Notify) error {
	c := &callback{Notify: n, client: j.client, path: j.path("/notifications"), filled: map[job.FileID]job.Ranges{}}
	for tries := 0; ; tries++ {
		before := c.heard
		err := c.listen(ctx)
		if c.heard > before {
			tries = 0
		}
		switch {
		case c.over:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case !comesBack(err) || tries >= reconnects:
			return err
		}
		pause(ctx, min(reconnectSoon<<tries, reconnectLate))
	}
}

// HasNotify reports whether the job has a live callback now, this program's or another's. In BITS:
// IBackgroundCopyJob::GetNotifyInterface.
func (j *Job) HasNotify(ctx context.Context) (bool, error) {
	var out struct {
		Registered bool `json:"registered"`
	}
	err := j.client.request(ctx, http.MethodGet, j.path("/notifications/status"), nil, &out)
	return out.Registered, err
}

// callback is a Notify at work. It is for one goroutine.
type callback struct {
	Notify
	client *Client
	path   string
	after  uint64                    // the last notification that was dealt with
	filled map[job.FileID]job.Ranges // what of each file was here the last time
	heard  int                       // how many were told
	over   bool                      // nothing more will come
}

// notification is what the service tells.
type notification struct {
	ID     uint64           `json:"id"`
	Notice uint64           `json:"notice"` // to be acknowledged; 0: not
	Event  string           `json:"event"`
	Job    job.Snapshot     `json:"job"`
	File   job.FileSnapshot `json:"file"`
}

// listen is one connection. Its error is why there has to be another one, or why it is over.
func (c *callback) listen(ctx context.Context) error {
	header := http.Header{"Accept": {"text/event-stream"}}
	if c.after > 0 {
		header.Set("Last-Event-ID", strconv.FormatUint(c.after, 10))
	}
	resp, err := c.client.send(ctx, http.MethodGet, c.path, nil, header)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	for data, err := range events(resp.Body) {
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		var n notification
		if err := json.Unmarshal(data, &n); err != nil {
			return fmt.Errorf("the service sent a notification that cannot be read: %w", err)
		}
		c.heard++
		if c.over, err = c.take(ctx, n); c.over || err != nil {
			return err
		}
	}
	return errEnded
}

// take deals with one notification. over says that it was the last one.
func (c *callback) take(ctx context.Context, n notification) (over bool, err error) {
	switch n.Event {
	case "replaced":
		return true, ErrReplaced
	case "acknowledged", "cancelled":
		return true, nil
	}
	failed := c.call(ctx, n)
	if ctx.Err() != nil {
		return false, ctx.Err()
	}
	ack := map[string]any{"ok": failed == nil}
	if failed != nil {
		ack["error"] = failed.Error()
	} else if n.ID > 0 {
		c.after = n.ID
	}
	err = c.client.request(ctx, http.MethodPost, c.path+"/"+strconv.FormatUint(n.Notice, 10), ack, nil)
	if errors.Is(err, ErrNotFound) {
		return false, nil // it took too long, so the service waits no more
	}
	return false, err
}

func (c *callback) call(ctx context.Context, n notification) error {
	j := &Job{Snapshot: n.Job, client: c.client}
	switch n.Event {
	case "transferred":
		return c.JobTransferred(ctx, j)
	case "error":
		return c.JobError(ctx, j, n.Job.Error)
	case "modification":
		return c.JobModification(ctx, j)
	case "file_transferred":
		return c.FileTransferred(ctx, j, n.File)
	case "file_ranges_transferred":
		if arrived := c.arrived(n.File.File); len(arrived) > 0 {
			return c.FileRangesTransferred(ctx, j, n.File, arrived)
		}
	}
	return nil // nothing new, or of a later version of the service
}

// arrived is what is here of a file and was not the last time; all when it began anew meanwhile.
func (c *callback) arrived(f job.File) (arrived job.Ranges) {
	before := c.filled[f.ID]
	c.filled[f.ID] = f.Filled
	if before.Union(f.Filled).Len() > f.Filled.Len() {
		return f.Filled
	}
	for _, r := range f.Filled {
		for _, had := range before {
			if r.Start <= had.Start && had.End <= r.End { // the rest of before lies after it
				arrived = arrived.Add(job.Range{Start: r.Start, End: had.Start})
				r.Start = had.End
			}
		}
		arrived = arrived.Add(r)
	}
	return arrived
}
