package bitsadmin

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func transferCommands() []command {
	return []command{{
		name: "/TRANSFER", args: "job_name [/DOWNLOAD | /UPLOAD] [/PRIORITY priority] [/ACLFLAGS flags] [/DYNAMIC] remote_url local_name [remote_url local_name ...]",
		least: 3, most: unbounded, run: transfer,
		help: "Creates a job, shows it until it is transferred, and completes it. After an error that does not pass it is canceled. Ctrl+C leaves it to the service.",
	}}
}

// transfer creates the job, with its files, at once or not at all.
func transfer(ctx context.Context, t *tool, args []string) error {
	spec, err := transferSpec(args)
	if err != nil {
		return err
	}
	client, err := t.service(ctx)
	if err != nil {
		return err
	}
	j, err := client.Create(ctx, spec)
	if err != nil {
		return unable("create job", err)
	}
	err = t.follow(ctx, client, j)
	switch {
	case ctx.Err() != nil:
		t.warn("job %s goes on; come back with: ebb attach %s", guid(j.ID), j.ID.Short())
		return ctx.Err()
	case err != nil:
		return unable("follow job", err)
	case j.State == job.Transferred:
		err = unable("complete job", completeJob(ctx, j))
	case j.State != job.Acknowledged: // which somebody else has made of it
		err = t.giveUp(ctx, j)
	}
	if err == nil {
		t.tell("Transfer complete.")
	}
	return err
}

// transferSpec reads the arguments of /TRANSFER: a name, switches, and pairs.
func transferSpec(args []string) (job.Spec, error) {
	spec := newSpec(args[0], job.Download)
	spec.Resume = true
	rest := args[1:]
	value := func() (v string) {
		if len(rest) > 1 {
			rest, v = rest[1:], rest[1]
		}
		return v
	}
	for ; len(rest) > 0 && strings.HasPrefix(rest[0], "/"); rest = rest[1:] {
		switch name := strings.ToUpper(rest[0]); name {
		case "/DOWNLOAD", "/UPLOAD":
			spec.Type = types[name]
		case "/DYNAMIC":
			spec.Dynamic = true
		case "/PRIORITY":
			v := value()
			if spec.Priority.UnmarshalText([]byte(strings.ToLower(v))) != nil {
				return spec, usage("/TRANSFER", "Invalid priority: %s", v)
			}
		case "/ACLFLAGS":
			v, ok := value(), false
			if spec.ACLFlags, ok = readACL(v); !ok || v == "" {
				return spec, usage("/TRANSFER", "Invalid ACL flags: %s", v)
			}
		default:
			return spec, usage("/TRANSFER", "Invalid argument: %s", rest[0])
		}
	}
	if len(rest) == 0 || len(rest)%2 != 0 {
		return spec, usage("/TRANSFER", "Invalid number of arguments.")
	}
	for ; len(rest) > 0; rest = rest[2:] {
		spec.Files = append(spec.Files, job.FileSpec{URL: rest[0], Local: rest[1]})
	}
	return spec, nil
}

// follow shows the job until it is transferred, or will not be. A job that waits for a retry, or that somebody has
// suspended, is waited for.
func (t *tool) follow(ctx context.Context, client *ebb.Client, j *ebb.Job) error {
	drawn := ""
	waiting := job.State(-1)
	for snap, err := range client.Watch(ctx, string(j.ID)) {
		if err != nil {
			return err
		}
		j.Snapshot = snap
		over := snap.State == job.Transferred || snap.State == job.InError || snap.State.Final()
		stuck := snap.State == job.TransientError && waiting != snap.State
		waiting = snap.State
		switch {
		case t.raw:
		case t.Width > 0: // redrawn in place
			t.printf("%s", t.takeBack(drawn))
			drawn = progressLine(snap)
			t.printf("%s", drawn)
		case over || stuck:
			t.printf("%s", progressLine(snap))
		}
		if over {
			return nil
		}
	}
	return ctx.Err()
}

// takeBack moves the terminal's cursor up to where text begins that was printed last, and erases it (ECMA-48: CPL, ED). A line
// that is longer than the terminal is wide takes several.
func (t *tool) takeBack(text string) string {
	if text == "" {
		return ""
	}
	rows := 0
	for line := range strings.Lines(wrapped(text, t.wrapAt)) {
		columns := utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))
		rows += max(1, (columns+t.Width-1)/t.Width)
	}
	return fmt.Sprintf("\x1b[%dF\x1b[J", rows)
}

// progressLine are the two lines that show how far a transfer is.
func progressLine(s job.Snapshot) string {
	bytes := sizeText(s.Transferred) + " / " + sizeText(s.Size)
	if s.Size > 0 {
		bytes += fmt.Sprintf(" (%d%%)", 100*s.Transferred/s.Size)
	}
	return fmt.Sprintf("DISPLAY: '%s' TYPE: %s STATE: %s\nPRIORITY: %s FILES: %d / %d BYTES: %s\n",
		oneLine(s.Name), typeText(s.Type), stateText(s.State), strings.ToUpper(s.Priority.String()), s.Totals.FilesDone, s.Totals.Files, bytes)
}

// giveUp tells why a job has failed, and cancels it.
func (t *tool) giveUp(ctx context.Context, j *ebb.Job) error {
	_, _ = fmt.Fprintln(t.Stderr, "Unable to complete transfer.")
	code := codeFailed
	if e := j.Error; e != nil {
		files, err := t.files(ctx, j)
		if err != nil {
			return err
		}
		code = e.Code
		_, _ = fmt.Fprint(t.Stderr, errorText(e, files))
	}
	if !j.State.Final() {
		if err := cancelJob(ctx, j); err != nil {
			return unable("cancel job", err)
		}
	}
	return &told{code}
}
