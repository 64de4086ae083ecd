package ebb

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/ebb-transfer/ebb/job"
)

// Job is a job of the service as it was when it was last asked for, and the way to command it.
// A Job is for one goroutine at a time.
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

// Create makes a job, with all its files, credentials and settings or not at all.
func (c *Client) Create(ctx context.Context, spec job.Spec) (*Job, error) {
	return c.jobRequest(ctx, http.MethodPost, "/jobs", spec)
}

// Job returns the job whose ID is, or begins with, id.
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
// them, newest first.
func (c *Client) Jobs(ctx context.Context, all bool) iter.Seq2[*Job, error] {
	return func(yield func(*Job, error) bool) {
		live := func(last uint64) string { return fmt.Sprintf("/jobs?limit=%d&after=%d", pageLen, last) }
		if !c.pages(ctx, live, yield) || !all {
			return
		}
		final := func(last uint64) string {
			if last == 0 {
				last = 1 << 62 // from the newest
			}
			return fmt.Sprintf("/jobs?all=true&limit=%d&before=%d", pageLen, last)
		}
		c.pages(ctx, final, yield)
	}
}

// pages yields page after page; next is the path of the one after the job with that seq. It reports false
// when the caller has had enough.
func (c *Client) pages(ctx context.Context, next func(last uint64) string, yield func(*Job, error) bool) bool {
	last := uint64(0)
	for {
		var page struct {
			Jobs []job.Snapshot `json:"jobs"`
		}
		if err := c.request(ctx, http.MethodGet, next(last), nil, &page); err != nil {
			return yield(nil, err) && false
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

// Suspend stops the job until Resume.
func (j *Job) Suspend(ctx context.Context) error { return j.do(ctx, http.MethodPost, "/suspend", nil) }

// Cancel gives the job up. Its bytes are deleted after the call returned: see [Job.Wait].
func (j *Job) Cancel(ctx context.Context) error { return j.do(ctx, http.MethodPost, "/cancel", nil) }

// Complete gives the finished files their names and discards the others. That happens after the call
// returned: see [Job.Wait].
func (j *Job) Complete(ctx context.Context) error {
	return j.do(ctx, http.MethodPost, "/complete", nil)
}

// Set changes the settings that are named, by their names in JSON, such as "priority": "low".
func (j *Job) Set(ctx context.Context, settings map[string]any) error {
	return j.do(ctx, http.MethodPatch, "", settings)
}

// AddFiles appends files, all or none. Local names must be absolute paths.
func (j *Job) AddFiles(ctx context.Context, files ...job.FileSpec) error {
	return j.do(ctx, http.MethodPost, "/files", map[string]any{"files": files})
}

// Forget deletes a final job from the history.
func (j *Job) Forget(ctx context.Context) error {
	return j.client.request(ctx, http.MethodDelete, j.path(""), nil, nil)
}

// Files yields the job's files in the order they were added.
func (j *Job) Files(ctx context.Context) iter.Seq2[job.FileSnapshot, error] {
	return func(yield func(job.FileSnapshot, error) bool) {
		for from := 1; ; from += pageLen {
			var page struct {
				Files []job.FileSnapshot `json:"files"`
			}
			path := j.path("/files?limit=" + strconv.Itoa(pageLen) + "&from=" + strconv.Itoa(from))
			if err := j.client.request(ctx, http.MethodGet, path, nil, &page); err != nil {
				yield(job.FileSnapshot{}, err)
				return
			}
			for _, f := range page.Files {
				if !yield(f, nil) {
					return
				}
			}
			if len(page.Files) < pageLen {
				return
			}
		}
	}
}

// SetCredentials sets or replaces the credentials of one (target, scheme). They cannot be read back.
func (j *Job) SetCredentials(ctx context.Context, c job.Credential) error {
	return j.client.request(ctx, http.MethodPut, j.pairPath(c.Ref()), struct {
		User     string `json:"user"`
		Password string `json:"password"`
		Implicit bool   `json:"implicit"`
	}{c.User, c.Password, c.Implicit}, nil)
}

// RemoveCredentials forgets the credentials of one (target, scheme).
func (j *Job) RemoveCredentials(ctx context.Context, pair job.CredentialRef) error {
	return j.client.request(ctx, http.MethodDelete, j.pairPath(pair), nil, nil)
}

func (j *Job) pairPath(pair job.CredentialRef) string {
	return j.path("/credentials/" + url.PathEscape(pair.Target) + "/" + url.PathEscape(pair.Scheme))
}

// Wait follows the job until it is at rest: transferred without being completed, in error, suspended, or
// final. It returns the job's error when that is why, and nil when all its files are here.
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
	case j.State == job.Acknowledged && j.Result != job.PartialComplete:
		return nil
	case j.Error != nil:
		return j.Error
	case j.State == job.Transferred:
		return nil
	}
	return fmt.Errorf("job %s is %s", j.ID, j.State)
}

// AtRest reports whether a job needs its owner, or nobody, to go on.
func AtRest(s job.Snapshot) bool {
	switch s.State {
	case job.Queued, job.Connecting, job.Transferring, job.TransientError:
		return false
	}
	return s.Intent == job.NoIntent
}
