package bitsadmin

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

// leastPrefix is how many digits of a GUID stand for it: fewer could be meant as a name.
const leastPrefix = 4

// job finds the job that an argument names: by its GUID, also a final one; else the only live one with that display
// name, where the caller's own come before those of others; else by the beginning of its GUID.
func (t *tool) job(ctx context.Context, name string) (*ebb.Job, error) {
	client, err := t.service(ctx)
	if err != nil {
		return nil, err
	}
	id := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}"))
	if len(id) == len("00000000-0000-0000-0000-000000000000") && isHex(id) {
		j, err := client.Job(ctx, id)
		return j, unable("find job", err)
	}
	named, err := t.named(ctx, client, name)
	switch {
	case err != nil:
		return nil, unable("find job", err)
	case len(named) == 1:
		return named[0], nil
	case len(named) > 1:
		return nil, ambiguous(name, named)
	}
	if len(id) < leastPrefix || !isHex(id) {
		return nil, noSuchJob(name)
	}
	j, err := client.Job(ctx, id)
	if errors.Is(err, ebb.ErrNotFound) {
		return nil, noSuchJob(name)
	}
	return j, unable("find job", err)
}

func isHex(s string) bool { return s != "" && strings.Trim(s, "0123456789abcdef-") == "" }

// named are the live jobs with that display name: the caller's own, and only if there is none those of others. A name is
// anybody's to take; an administrator's must go on to mean the administrator's job.
func (t *tool) named(ctx context.Context, client *ebb.Client, name string) ([]*ebb.Job, error) {
	me, err := ebb.Self()
	if err != nil {
		return nil, err
	}
	var own, others []*ebb.Job
	for j, err := range client.Jobs(ctx, false) {
		switch {
		case err != nil:
			return nil, err
		case j.Name != name:
		case j.Owner == me:
			own = append(own, j)
		default:
			others = append(others, j)
		}
	}
	if len(own) > 0 {
		return own, nil
	}
	return others, nil
}

func noSuchJob(name string) error {
	return &missing{"Unable to find job named \"" + oneLine(name) + "\"."}
}

func ambiguous(name string, jobs []*ebb.Job) error {
	text := strconv.Itoa(len(jobs)) + " jobs are named \"" + oneLine(name) + "\". Use the GUID of one:"
	for _, j := range jobs {
		text += "\n" + guid(j.ID)
	}
	return &missing{text}
}

// file finds the file of a job that has that index, counted from 0.
func (t *tool) file(ctx context.Context, j *ebb.Job, index string) (job.FileSnapshot, error) {
	n, err := strconv.ParseUint(index, 10, 31)
	if err != nil {
		return job.FileSnapshot{}, unable("find file", job.Invalid(job.InvalidArg, "%q is not the index of a file; the first one is 0", index))
	}
	files, err := t.files(ctx, j)
	if err != nil {
		return job.FileSnapshot{}, err
	}
	if n >= uint64(len(files)) {
		return job.FileSnapshot{}, unable("find file", job.Invalid(job.FileNotFound, "job %s has %d files, of which the first is 0", guid(j.ID), len(files)))
	}
	return files[n], nil
}

// files are the files of a job, without those that were removed from it.
func (t *tool) files(ctx context.Context, j *ebb.Job) (files []job.FileSnapshot, err error) {
	for f, err := range j.Files(ctx) {
		if err != nil {
			return nil, unable("list files", err)
		}
		if !f.Removed {
			files = append(files, f)
		}
	}
	return files, nil
}

// live are the jobs that are not final: those of the caller, or of all users as far as the caller may see them.
func (t *tool) live(ctx context.Context, allUsers bool) (jobs []*ebb.Job, err error) {
	client, err := t.service(ctx)
	if err != nil {
		return nil, err
	}
	me, err := ebb.Self()
	if err != nil {
		return nil, unable("find out who is asking", err)
	}
	for j, err := range client.Jobs(ctx, false) {
		if err != nil {
			return nil, unable("list jobs", err)
		}
		if allUsers || j.Owner == me {
			jobs = append(jobs, j)
		}
	}
	return jobs, nil
}
