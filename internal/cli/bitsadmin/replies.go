package bitsadmin

import (
	"context"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func replyCommands() []command {
	return []command{
		{
			name: "/SETREPLYFILENAME", args: "<job> path", least: 2, most: 2, run: onJob(setReplyFile),
			help: "Sets where the reply to an upload goes.",
		},
		{
			name: "/GETREPLYFILENAME", args: "<job>", least: 1, most: 1,
			help: "Prints where the reply to an upload goes.",
			run:  onReply("get reply file name", func(t *tool, j *ebb.Job) error { t.value(null(j.ReplyFile)); return nil }),
		},
		{
			name: "/GETREPLYPROGRESS", args: "<job>", least: 1, most: 1,
			help: "Prints how much of the reply to an upload is here.",
			run:  onReply("get reply progress", noReply("get reply progress")),
		},
		{
			name: "/GETREPLYDATA", args: "<job>", least: 1, most: 1,
			help: "Prints the reply to an upload.",
			run:  onReply("get reply data", noReply("get reply data")),
		},
	}
}

// onReply is a command for upload-reply jobs, which refuses others with the error of BITS.
func onReply(what string, f func(*tool, *ebb.Job) error) func(context.Context, *tool, []string) error {
	return onJob(func(_ context.Context, t *tool, j *ebb.Job, _ []string) error {
		if j.Type != job.UploadReply {
			return unable(what, job.Invalid(job.NotImplemented, "job %s is of type %s, and only UPLOAD-REPLY jobs have a reply", guid(j.ID), typeText(j.Type)))
		}
		return f(t, j)
	})
}

// noReply refuses to show a reply: none has begun as long as the service makes no uploads.
func noReply(what string) func(*tool, *ebb.Job) error {
	return func(_ *tool, j *ebb.Job) error {
		return unable(what, job.Invalid(job.InvalidState, "job %s is %s and has no reply", guid(j.ID), stateText(j.State)))
	}
}

func setReplyFile(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	if err := j.Set(ctx, map[string]any{"reply_file": orNone(args[0])}); err != nil {
		return unable("set reply file name", err)
	}
	t.tell("Reply file name set to %s.", null(j.ReplyFile))
	return nil
}
