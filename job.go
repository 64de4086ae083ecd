package ebb

import (
	"context"
	"fmt"
	"iter"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/ebb-transfer/ebb/job"
)

// Job is a job of the service as it was when it was last asked for, and the way to command it. Every method
// that succeeds brings the Snapshot up to date, except where it says otherwise. A Job is for one goroutine at a time.
type Job struct {
	job.Snapshot
	client *Client
}

// Download is the spec of a job that fetches one URL into a file and completes by itself. Every
// setting has its default and may be changed before [Client.Create].
func Download(url, file string) job.Spec {
	spec := job.Spec{Settings: job.DefaultSettings(), Resume: true}
	spec.AutoComplete = true
	if abs, err := filepath.Abs(file); err == nil {
		file = abs
	}
	spec.Files = []job.FileSpec{{URL: url, Local: file}}
	return spec
}

// Create makes a job, with all its files, credentials and settings or not at all. It returns once the job is durable: it
// survives a crash of the service and of the machine. A spec begins with [Download], or with
// [job.DefaultSettings]; local names must be absolute paths. What can be known to be wrong is refused here.
func (c *Client) Create(ctx context.Context, spec job.Spec) (*Job, error) {
	return c.jobRequest(ctx, http.MethodPost, "/jobs", spec)
}

// Job returns the job whose ID is, or begins with, id. There must be exactly one; when there is none the error
// wraps [ErrNotFound].
func (c *Client) Job(ctx context.Context, id string) (*Job, error) {
	return c.jobRequest(ctx, http.MethodGet, "/jobs/"+url.PathEscape(id), nil)
}

func (c *Client) jobRequest(ctx context.Context, method, path string, in any) (*Job, error) {
	j := &Job{client: c}
	if err := c.request(ctx, method, path, in, &j.Snapshot); err != nil {
		return nil, err
	}
	return j, nil
}

const pageLen = 1000

// Jobs yields the live jobs in the order of submission, and with all the final ones after
// them, newest first. A job that becomes final meanwhile is yielded once. An error ends the sequence.
func (c *Client) Jobs(ctx context.Context, all bool) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		seen := map[job.ID]bool{}
		wanted := c.pages(ctx, liveJobs, func(j *Job, err error) bool {
			if all && j != nil {
				seen[j.ID] = true
			}
			return yield(j, err)
		})
		if !wanted || !all {
			return
		}
		c.pages(ctx, finalJobs, func(j *Job, err error) bool {
			if j != nil && seen[j.ID] {
				return true
			}
			return yield(j, err)
		})
	}
}

// liveJobs is the path of the page after the job with that seq.
func liveJobs(last uint64) string { return fmt.Sprintf("/jobs?limit=%d&after=%d", pageLen, last) }

// finalJobs is the path of the page after the job with that seq: they come newest first.
func finalJobs(last uint64) string {
	if last == 0 {
		last = math.MaxInt64 // newer than any
	}
	return fmt.Sprintf("/jobs?all=true&limit=%d&before=%d", pageLen, last)
}

// pages yields page after page; next is the path of the one after the job with that seq. It reports false
// when the sequence is over, by an error or because the caller has had enough.
func (c *Client) pages(ctx context.Context, next func(last uint64) string, yield func(*Job, error) bool) bool {
	for last := uint64(0); ; {
		var page struct {
			Jobs []job.Snapshot `json:"jobs"`
		}
		if err := c.request(ctx, http.MethodGet, next(last), nil, &page); err != nil {
			yield(nil, err)
			return false
		}
		for _, snap := range page.Jobs {
			if last = snap.Seq; !yield(&Job{snap, c}, nil) {
				return false
			}
		}
		if len(page.Jobs) < pageLen {
			return true
		}
	}
}

func (j *Job) path(rest string) string { return "/jobs/" + url.PathEscape(string(j.ID)) + rest }

func (j *Job) do(ctx context.Context, method, rest string, in any) error {
	var snap job.Snapshot
	if err := j.client.request(ctx, method, j.path(rest), in, &snap); err != nil {
		return err
	}
	j.Snapshot = snap
	return nil
}

// Refresh asks for the job as it is now.
func (j *Job) Refresh(ctx context.Context) error { return j.do(ctx, http.MethodGet, "", nil) }

// Resume queues the job, or tries a waiting or failed one again now. A job with nothing left to
// transfer is refused with code job.Empty.
func (j *Job) Resume(ctx context.Context) error { return j.do(ctx, http.MethodPost, "/resume", nil) }

// Suspend stops the job until Resume. What is transferred stays.
func (j *Job) Suspend(ctx context.Context) error { return j.do(ctx, http.MethodPost, "/suspend", nil) }

// Cancel gives the job up. Its bytes are deleted after the call returned: see [Job.Wait].
func (j *Job) Cancel(ctx context.Context) error { return j.do(ctx, http.MethodPost, "/cancel", nil) }

// Complete gives the finished files their names and discards the others. That happens after the call
// returned: see [Job.Wait].
func (j *Job) Complete(ctx context.Context) error {
	return j.do(ctx, http.MethodPost, "/complete", nil)
}

// Set changes the settings that are named, by their names in JSON (see [job.Settings]), such as "priority": "low". All
// are changed or none. A final job refuses with [job.ErrState], as it does every command.
func (j *Job) Set(ctx context.Context, settings map[string]any) error {
	return j.do(ctx, http.MethodPatch, "", settings)
}

// AddFiles appends files, all or none. Local names must be absolute paths.
func (j *Job) AddFiles(ctx context.Context, files ...job.FileSpec) error {
	return j.do(ctx, http.MethodPost, "/files", map[string]any{"files": files})
}

// TakeOwnership makes the caller, who must be an administrator, the owner of the job. It goes on without what the
// former owner trusted it with: credentials, custom headers, client certificate, notify command and webhook are
// deleted, and passwords in the clear are no longer allowed. The Snapshot's NeedsCredentials says whether there were
// any to be set again. On a job of the caller's own it has no effect. In BITS: IBackgroundCopyJob::TakeOwnership.
func (j *Job) TakeOwnership(ctx context.Context) error {
	return j.do(ctx, http.MethodPost, "/take-ownership", nil)
}

// Forget deletes a final job from the history. A job that is not final refuses with [job.ErrState].
func (j *Job) Forget(ctx context.Context) error {
	return j.client.request(ctx, http.MethodDelete, j.path(""), nil, nil)
}

// Files yields the job's files in the order they were added, as they are now, without those that are removed. An error ends the sequence.
func (j *Job) Files(ctx context.Context) iter.Seq2[job.FileSnapshot, error] {
	return func(yield func(job.FileSnapshot, error) bool) {
		for from := job.FileID(1); ; {
			var page struct {
				Files []job.FileSnapshot `json:"files"`
			}
			path := j.path("/files?limit=" + strconv.Itoa(pageLen) + "&from=" + strconv.Itoa(int(from)))
			if err := j.client.request(ctx, http.MethodGet, path, nil, &page); err != nil {
				yield(job.FileSnapshot{}, err)
				return
			}
			for _, f := range page.Files {
				if from = f.ID + 1; !yield(f, nil) {
					return
				}
			}
			if len(page.Files) < pageLen {
				return
			}
		}
	}
}

// File asks for one file of the job as it is now. One that is not there, or is removed, refuses with code
// job.FileNotFound.
func (j *Job) File(ctx context.Context, file job.FileID) (job.FileSnapshot, error) {
	var out job.FileSnapshot
	err := j.client.request(ctx, http.MethodGet, j.path(filePath(file, "")), nil, &out)
	return out, err
}

// SetCredentials sets or replaces the credentials of one (target, scheme). They cannot be read back: the
// Snapshot tells only which pairs are set. See [job.Credential.Check] for what is refused; anybody but the job's owner,
// an administrator too, is refused with code job.AccessDenied.
func (j *Job) SetCredentials(ctx context.Context, c job.Credential) error {
	return j.pair(ctx, http.MethodPut, c.Ref(), map[string]any{
		"user": c.User, "password": c.Password, "empty_password": c.EmptyPassword, "implicit": c.Implicit,
		"service_principal": c.ServicePrincipal,
	})
}

// RemoveCredentials forgets the credentials of one (target, scheme). It is no error when there are none.
func (j *Job) RemoveCredentials(ctx context.Context, pair job.CredentialRef) error {
	return j.pair(ctx, http.MethodDelete, pair, nil)
}

func (j *Job) pair(ctx context.Context, method string, pair job.CredentialRef, in any) error {
	path := j.path("/credentials/" + url.PathEscape(pair.Target) + "/" + url.PathEscape(pair.Scheme))
	var list struct {
		Credentials []job.CredentialRef `json:"credentials"`
	}
	if err := j.client.request(ctx, method, path, in, &list); err != nil {
		return err
	}
	j.Credentials = list.Credentials
	return nil
}

// Wait follows the job until it is at rest (see [AtRest]), also over a restart of the service. It returns nil when all
// its files are here, and under their names unless the job is Transferred; otherwise the job's error when it has one, or
// an error that names its state. When ctx ends first Wait returns its error, and the job goes on.
func (j *Job) Wait(ctx context.Context) error {
	for snap, err := range j.client.Watch(ctx, string(j.ID)) {
		if err != nil {
			return err
		}
		if j.Snapshot = snap; AtRest(snap) {
			break
		}
	}
	switch {
	case j.State == job.Acknowledged && j.Result == job.PartialComplete:
		return fmt.Errorf("only %d of the %d files of job %s were here when it was completed", j.Totals.FilesDone, j.Totals.Files, j.ID)
	case j.State == job.Acknowledged:
		return nil
	case j.Error != nil:
		return j.Error
	case j.State == job.Transferred:
		return nil
	default:
		return fmt.Errorf("job %s is %s", j.ID, j.State)
	}
}

// AtRest reports whether a job needs its owner, or nobody, to go on: it is Transferred without being completed, in
// error, suspended, or final.
func AtRest(s job.Snapshot) bool {
	switch s.State {
	case job.Queued, job.Connecting, job.Transferring, job.TransientError:
		return false
	default:
		return s.Intent == job.NoIntent
	}
}
