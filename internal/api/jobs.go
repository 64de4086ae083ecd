package api

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/job"
)

// JobInput is embedded by the inputs of operations on one job; huma sees only what is exported.
type JobInput struct {
	ID string `path:"id" minLength:"1" doc:"the job's ID or the beginning of it"`
}

type jobOutput struct {
	Body job.Snapshot
}

type createInput struct {
	JSONInput
}

type configureInput struct {
	JobInput
	JSONInput
}

type listInput struct {
	All    bool   `query:"all" doc:"final jobs as well, after the live ones and newest first"`
	After  uint64 `query:"after" doc:"only jobs submitted after the one with this seq"`
	Before uint64 `query:"before" doc:"with all: only final jobs submitted before the one with this seq"`
	Limit  int    `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
}

// JobList is a page of jobs.
type JobList struct {
	Jobs []job.Snapshot `json:"jobs"`
}

type listOutput struct {
	Body JobList
}

func (s *server) jobs(a huma.API) {
	create := op("create-job", http.MethodPost, "/v1/jobs", "Create a job, with files and secrets, all or nothing")
	configure := op("configure-job", http.MethodPatch, "/v1/jobs/{id}", "Change the settings that are given")
	huma.Register(a, withBody[job.Spec](a, create, maxFilesBody), s.create)
	huma.Register(a, op("list-jobs", http.MethodGet, "/v1/jobs", "List jobs in the order of submission"), s.list)
	huma.Register(a, op("get-job", http.MethodGet, "/v1/jobs/{id}", "Show a job"), s.get)
	huma.Register(a, withBody[job.Settings](a, configure, maxBody), s.configure)
	huma.Register(a, op("forget-job", http.MethodDelete, "/v1/jobs/{id}", "Delete a final job from the history"), s.forget)
	for name, command := range map[string]job.Event{
		"resume": job.Resume{}, "suspend": job.Suspend{}, "cancel": job.Cancel{}, "complete": job.Complete{},
	} {
		huma.Register(a, op(name+"-job", http.MethodPost, "/v1/jobs/{id}/"+name, commandSummaries[name]), s.command(command))
	}
	take := op("take-ownership", http.MethodPost, "/v1/jobs/{id}/take-ownership", "Become the owner of a job, without its secrets")
	huma.Register(a, take, s.takeOwnership)
}

var commandSummaries = map[string]string{
	"resume":   "Queue a job, or try a waiting one again now",
	"suspend":  "Stop a job until it is resumed",
	"cancel":   "Give a job up and delete its bytes",
	"complete": "Give the finished files their names and discard the others",
}

// find turns the beginning of an ID into the ID of a job the caller may see.
func (s *server) find(ctx context.Context, prefix string) (job.ID, error) {
	ids, err := s.engine.Find(ctx, prefix, sees(ctx))
	switch {
	case err != nil:
		return "", problem(err)
	case len(ids) == 0:
		return "", problem(job.Invalid(job.NotFound, "there is no job %q", prefix))
	case len(ids) > 1:
		return "", problem(job.Invalid(job.InvalidArg, "more than one job begins with %q; give more of the ID", prefix))
	}
	return ids[0], nil
}

func (s *server) create(ctx context.Context, in *createInput) (*jobOutput, error) {
	defer in.wipe()
	spec := job.Spec{Settings: job.DefaultSettings()}
	spec.MaxDownloadTime, spec.InactivityTimeout = absent, absent
	if err := in.into(&spec); err != nil {
		return nil, err
	}
	if err := cmp.Or(checkTimes(&spec.Settings), checkFiles(spec.Files), checkSettings(&spec.Settings)); err != nil {
		return nil, problem(err)
	}
	snap, err := s.engine.Create(ctx, engineActor(ctx), spec)
	if err != nil {
		return nil, problem(err)
	}
	return &jobOutput{snap}, nil
}

func (s *server) get(ctx context.Context, in *JobInput) (*jobOutput, error) {
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	snap, err := s.engine.Job(ctx, id)
	if err != nil {
		return nil, problem(err)
	}
	return &jobOutput{snap}, nil
}

func (s *server) configure(ctx context.Context, in *configureInput) (*jobOutput, error) {
	var alone job.Settings // what is wrong with the body itself need not trouble the engine
	if err := in.into(&alone); err != nil {
		return nil, err
	}
	if err := checkSettings(&alone); err != nil {
		return nil, problem(err)
	}
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	body := bytes.Clone(in.RawBody) // huma uses its memory again, and the edit may come after the caller has gone
	snap, err := s.engine.Configure(ctx, id, func(set *job.Settings) error {
		set.NotifyCommand, set.Network.Pins = slices.Clone(set.NotifyCommand), slices.Clone(set.Network.Pins) // package json writes into the arrays it finds
		return decode(body, set)
	})
	if err != nil {
		return nil, problem(err)
	}
	return &jobOutput{snap}, nil
}

func (s *server) forget(ctx context.Context, in *JobInput) (*struct{}, error) {
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.engine.Forget(ctx, id); err != nil {
		return nil, problem(err)
	}
	return nil, nil
}

func (s *server) command(ev job.Event) func(context.Context, *JobInput) (*jobOutput, error) {
	return func(ctx context.Context, in *JobInput) (*jobOutput, error) {
		id, err := s.find(ctx, in.ID)
		if err != nil {
			return nil, err
		}
		snap, err := s.engine.Do(ctx, id, ev)
		if err != nil {
			return nil, problem(err)
		}
		return &jobOutput{snap}, nil
	}
}

// takeOwnership is for administrators; nobody else sees a job that is not his own, and that stays as it is.
func (s *server) takeOwnership(ctx context.Context, in *JobInput) (*jobOutput, error) {
	id, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	snap, err := s.engine.TakeOwnership(ctx, id, actor(ctx).ID)
	if err != nil {
		return nil, problem(err)
	}
	return &jobOutput{snap}, nil
}

func (s *server) list(ctx context.Context, in *listInput) (*listOutput, error) {
	out := &listOutput{}
	out.Body.Jobs = []job.Snapshot{}
	if in.Before == 0 {
		live, err := s.engine.List(ctx, in.After, in.Limit, sees(ctx))
		if err != nil {
			return nil, problem(err)
		}
		out.Body.Jobs = append(out.Body.Jobs, live...)
	}
	if room := in.Limit - len(out.Body.Jobs); in.All && room > 0 {
		final, err := s.history(ctx, in.Before, room)
		if err != nil {
			return nil, problem(fmt.Errorf("read the history: %w", err))
		}
		out.Body.Jobs = append(out.Body.Jobs, final...)
	}
	return out, nil
}

// history returns final jobs that the caller may see.
func (s *server) history(ctx context.Context, before uint64, limit int) ([]job.Snapshot, error) {
	var out []job.Snapshot
	visible := sees(ctx)
	for {
		page, err := s.engine.History(ctx, before, historyPage)
		if err != nil {
			return nil, err
		}
		for _, snap := range page {
			if len(out) == limit {
				return out, nil
			}
			if before = snap.Seq; visible(snap.Job) {
				out = append(out, snap)
			}
		}
		if len(page) < historyPage {
			return out, nil
		}
	}
}

// historyPage is how many final jobs are looked at at a time.
const historyPage = 1000
