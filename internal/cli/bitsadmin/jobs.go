package bitsadmin

import (
	"context"
	"strings"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func jobCommands() []command {
	return []command{
		{
			name: "/CREATE", args: "[/DOWNLOAD | /UPLOAD | /UPLOAD-REPLY] job_name", least: 1, most: 2, run: create,
			help: "Creates a suspended job and prints its GUID. The job is a download unless said otherwise.",
		},
		state("/SUSPEND", "Stops a job until it is resumed.", "suspend job", "Job suspended.", plain((*ebb.Job).Suspend)),
		state("/RESUME", "Queues a job, or tries a failed one again now.", "resume job", "Job resumed.", plain((*ebb.Job).Resume)),
		state("/CANCEL", "Gives a job up and deletes what it has fetched.", "cancel job", "Job canceled.", cancelJob),
		state("/COMPLETE", "Gives finished files their names and discards the others.", "complete job", "Job completed.", completeJob),
		state("/TAKEOWNERSHIP", "Makes you, an administrator, the owner of a job.", "take ownership", "Took ownership of the job.", plain((*ebb.Job).TakeOwnership)),
	}
}

// state is a command that does one thing to a job.
func state(name, help, what, done string, do func(context.Context, *ebb.Job) error) command {
	return command{
		name: name, args: "<job>", help: help, least: 1, most: 1,
		run: onJob(func(ctx context.Context, t *tool, j *ebb.Job, _ []string) error {
			if err := do(ctx, j); err != nil {
				return unable(what, err)
			}
			t.tell("%s", done)
			return nil
		}),
	}
}

// plain is a method of a job that does it all.
func plain(method func(*ebb.Job, context.Context) error) func(context.Context, *ebb.Job) error {
	return func(ctx context.Context, j *ebb.Job) error { return method(j, ctx) }
}

// types are the switches for the type of a job.
var types = map[string]job.Type{"/DOWNLOAD": job.Download, "/UPLOAD": job.Upload, "/UPLOAD-REPLY": job.UploadReply}

// newSpec is a job with the defaults of BITS: it waits to be completed, its headers can be read back, and it replaces
// files that exist.
func newSpec(name string, typ job.Type) job.Spec {
	spec := job.Spec{Type: typ, Settings: job.DefaultSettings()}
	spec.Name, spec.Overwrite, spec.HeadersWriteOnly = name, true, false
	return spec
}

func create(ctx context.Context, t *tool, args []string) error {
	typ := job.Download
	if len(args) == 2 {
		known := false
		if typ, known = types[strings.ToUpper(args[0])]; !known {
			return usage("/CREATE", "Invalid job type: %s", args[0])
		}
		args = args[1:]
	}
	if args[0] == "" {
		return usage("/CREATE", "The job needs a name.")
	}
	client, err := t.service(ctx)
	if err != nil {
		return err
	}
	j, err := client.Create(ctx, newSpec(args[0], typ))
	if err != nil {
		return unable("create job", err)
	}
	if t.raw {
		t.value(guid(j.ID))
		return nil
	}
	t.tell("Created job %s.", guid(j.ID))
	return nil
}

// cancelJob gives a job up and waits until its bytes are deleted.
func cancelJob(ctx context.Context, j *ebb.Job) error {
	if err := j.Cancel(ctx); err != nil {
		return err
	}
	return settled(ctx, j, job.Cancelled)
}

// completeJob waits until the finished files have their names.
func completeJob(ctx context.Context, j *ebb.Job) error {
	if err := j.Complete(ctx); err != nil {
		return err
	}
	return settled(ctx, j, job.Acknowledged)
}

// settled waits until a final command is carried out.
func settled(ctx context.Context, j *ebb.Job, want job.State) error {
	_ = j.Wait(ctx) // what matters is the state it ends in
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case j.State == want:
		return nil
	case j.Error != nil:
		return j.Error
	}
	return job.Invalid(job.InvalidState, "job %s is %s", guid(j.ID), stateText(j.State))
}

// reset cancels one job after the other; one that cannot be does not keep the others from it.
func reset(ctx context.Context, t *tool, args []string) error {
	given, err := switches("/RESET", args, "/ALLUSERS")
	if err != nil {
		return err
	}
	jobs, err := t.live(ctx, len(given) > 0)
	if err != nil {
		return err
	}
	canceled := 0
	var last error
	for _, j := range jobs {
		if err := cancelJob(ctx, j); err != nil {
			last = unable("cancel job "+guid(j.ID), err)
			t.report(last)
			continue
		}
		canceled++
		t.tell("%s canceled.", guid(j.ID))
	}
	t.tell("%d out of %d jobs canceled.", canceled, len(jobs))
	if last != nil {
		return &told{codeOf(last)}
	}
	return nil
}
