package bitsadmin

import (
	"context"
	"errors"
	"strings"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func headerCommands() []command {
	return []command{
		{
			name: "/SETCUSTOMHEADERS", args: "<job> header [header ...]", least: 2, most: unbounded, run: onJob(setHeaders),
			help: "Replaces the custom headers of a job, each like \"Name: value\". NULL alone removes them.",
		},
		{
			name: "/GETCUSTOMHEADERS", args: "<job>", least: 1, most: 1, run: onJob(getHeaders),
			help: "Prints the custom headers of a job.",
		},
		{
			name: "/MAKECUSTOMHEADERSWRITEONLY", args: "<job>", least: 1, most: 1, run: onJob(hideHeaders),
			help: "Lets nobody read the custom headers of a job any more. There is no way back.",
		},
	}
}

func setHeaders(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	var headers []job.Header
	if len(args) > 1 || orNone(args[0]) != "" {
		for i, arg := range args {
			name, value, ok := strings.Cut(arg, ":")
			if name = strings.TrimSpace(name); !ok || name == "" {
				return usage("/SETCUSTOMHEADERS", "Header %d is not like \"Name: value\".", i+1) // it may be secret
			}
			headers = append(headers, job.Header{Name: name, Value: strings.TrimSpace(value)})
		}
	}
	if err := j.SetHeaders(ctx, headers...); err != nil {
		return unable("set custom headers", err)
	}
	t.tell("Set %d custom header(s).", len(headers))
	return nil
}

func getHeaders(ctx context.Context, t *tool, j *ebb.Job, _ []string) error {
	headers, err := j.Headers(ctx)
	if err != nil {
		return unable("get custom headers", err)
	}
	t.value(headerLines(headers))
	return nil
}

func headerLines(headers []job.Header) string {
	lines := make([]string, len(headers))
	for i, h := range headers {
		lines[i] = oneLine(h.Name + ": " + h.Value)
	}
	if len(lines) == 0 {
		return null("")
	}
	return strings.Join(lines, "\n")
}

// headersText are the headers as far as they may be read.
func (t *tool) headersText(ctx context.Context, j *ebb.Job) string {
	headers, err := j.Headers(ctx)
	var refused *job.Error
	switch {
	case len(j.HeaderNames) == 0:
		return null("")
	case errors.As(err, &refused) && refused.Code == job.AccessDenied:
		return "WRITE-ONLY"
	case err != nil:
		return unknown
	}
	return headerLines(headers)
}

func hideHeaders(ctx context.Context, t *tool, j *ebb.Job, _ []string) error {
	if err := j.Set(ctx, map[string]any{"headers_write_only": true}); err != nil {
		return unable("make custom headers write-only", err)
	}
	t.tell("Custom headers are write-only now.")
	return nil
}
