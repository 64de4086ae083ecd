package bitsadmin

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func listCommands() []command {
	return []command{
		{
			name: "/LIST", args: "[/ALLUSERS] [/VERBOSE]", most: 2, run: list,
			help: "Lists your jobs, or with /ALLUSERS those of all users as far as you may see them.",
		},
		{
			name: "/MONITOR", args: "[/ALLUSERS] [/REFRESH seconds]", most: 3, run: monitor,
			help: "Lists the jobs again and again, every 5 seconds unless /REFRESH says otherwise. Ctrl+C ends it.",
		},
		{
			name: "/RESET", args: "[/ALLUSERS]", most: 1, run: reset,
			help: "Cancels all your jobs, or with /ALLUSERS all that you may.",
		},
		{
			name: "/INFO", args: "<job> [/VERBOSE]", least: 1, most: 2, run: onJob(info),
			help: "Prints how a job is, or with /VERBOSE all that is known of it.",
		},
	}
}

// switches reads arguments that are switches, each at most once.
func switches(command string, args []string, known ...string) (given []string, err error) {
	for _, arg := range args {
		name := strings.ToUpper(arg)
		if !slices.Contains(known, name) || slices.Contains(given, name) {
			return nil, usage(command, "Invalid argument: %s", arg)
		}
		given = append(given, name)
	}
	return given, nil
}

func list(ctx context.Context, t *tool, args []string) error {
	given, err := switches("/LIST", args, "/ALLUSERS", "/VERBOSE")
	if err != nil {
		return err
	}
	jobs, err := t.live(ctx, slices.Contains(given, "/ALLUSERS"))
	if err != nil {
		return err
	}
	verbose := slices.Contains(given, "/VERBOSE")
	for _, j := range jobs {
		if !verbose {
			t.printf("%s\n", summary(j.Snapshot))
			continue
		}
		if err := t.describe(ctx, j); err != nil {
			return err
		}
		t.printf("\n")
	}
	if len(jobs) > 0 && !verbose {
		t.tell("")
	}
	t.tell("Listed %d job(s).", len(jobs))
	return nil
}

func info(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	given, err := switches("/INFO", args, "/VERBOSE")
	if err != nil {
		return err
	}
	if len(given) > 0 {
		return t.describe(ctx, j)
	}
	t.printf("%s\n", summary(j.Snapshot))
	return nil
}

// summary is a job on one line.
func summary(s job.Snapshot) string {
	return fmt.Sprintf("%s '%s' %s %d / %d %s / %s", guid(s.ID), oneLine(s.Name), stateText(s.State),
		s.Totals.FilesDone, s.Totals.Files, sizeText(s.Transferred), sizeText(s.Size))
}

// details are all that is known of a job.
type details struct {
	job.Snapshot
	files      []job.FileSnapshot
	headers    string // as for /GETCUSTOMHEADERS
	registered bool   // as for /GETNOTIFYINTERFACE
}

// describe prints all that is known of a job.
func (t *tool) describe(ctx context.Context, j *ebb.Job) error {
	files, err := t.files(ctx, j)
	if err != nil {
		return err
	}
	registered, err := j.HasNotify(ctx)
	if err != nil {
		return err
	}
	t.printf("%s", details{j.Snapshot, files, t.headersText(ctx, j), registered}.String())
	return nil
}

// String is the block of /INFO /VERBOSE, with the fields in the order of BITS's tool.
func (d details) String() string {
	var b strings.Builder
	line := func(format string, args ...any) {
		b.WriteString(strings.TrimRight(fmt.Sprintf(format, args...), " ") + "\n")
	}
	line("GUID: %s DISPLAY: '%s'", guid(d.ID), oneLine(d.Name))
	line("TYPE: %s STATE: %s OWNER: %s", typeText(d.Type), stateText(d.State), account(d.Owner))
	line("PRIORITY: %s FILES: %d / %d BYTES: %s / %s", strings.ToUpper(d.Priority.String()),
		d.Totals.FilesDone, d.Totals.Files, sizeText(d.Transferred), sizeText(d.Size))
	line("CREATION TIME: %s MODIFICATION TIME: %s", timeText(d.Created), timeText(d.Modified))
	line("COMPLETION TIME: %s ACL FLAGS: %s", timeText(d.Finished), aclText(d.ACLFlags))
	line("NOTIFY INTERFACE: %s NOTIFICATION FLAGS: %d", notifyInterface(d.registered), d.NotifyFlags)
	line("RETRY DELAY: %s NO PROGRESS TIMEOUT: %s ERROR COUNT: %d", seconds(d.RetryDelay), seconds(d.NoProgressTimeout), d.ErrorCount)
	line("PROXY USAGE: %s PROXY LIST: %s PROXY BYPASS LIST: %s", proxyUsage(d.Snapshot), proxyList(d.Snapshot), null(d.Network.ProxyBypass))
	if e := d.CurrentError(); e != nil {
		b.WriteString(errorText(e, d.files))
	}
	line("DESCRIPTION: %s", oneLine(d.Description))
	line("JOB FILES:")
	for _, f := range d.files {
		line("\t%s", fileText(d.State, f))
	}
	line("NOTIFICATION COMMAND LINE: %s", commandLine(d.Snapshot))
	line("owner MIC integrity level: %s", unknown)
	line("owner elevated ?           %s", unknown)
	b.WriteString("\n" + peerFlagsText(d.PeerCaching) + "\n")
	line("CUSTOM HEADERS: %s", strings.ReplaceAll(d.headers, "\n", "\n\t"))
	return b.String()
}

// fileText is a file on one line. As in BITS, a file is complete when it has its name.
func fileText(state job.State, f job.FileSnapshot) string {
	word := "WORKING"
	if f.Done && state == job.Acknowledged {
		word = "COMPLETED"
	}
	return fmt.Sprintf("%s / %s %s %s", sizeText(f.Transferred), sizeText(f.Wanted()), word, filePair(f))
}

func filePair(f job.FileSnapshot) string { return oneLine(f.URL) + " -> " + oneLine(f.Local) }

// contexts are the words for where an error happened.
var contexts = map[job.Context]string{
	job.ContextNone:         "There is no error.",
	job.ContextUnknown:      "It is not known where the error occurred.",
	job.ContextQueueManager: "The error occurred in the transfer queue manager.",
	job.ContextNotification: "The error occurred while the owner was being notified.",
	job.ContextLocalFile:    "The error occurred while the local file was being processed.",
	job.ContextRemoteFile:   "The error occurred while the remote file was being processed.",
	job.ContextTransport:    "The error occurred in the transport layer.",
	job.ContextApplication:  "The error occurred in the server's application.",
	job.ContextCertificate:  "The error occurred while the server's certificate was being checked.",
}

// errorText are the lines of an error; the file is left out when it is about none.
func errorText(e *job.Error, files []job.FileSnapshot) string {
	var b strings.Builder
	for _, f := range files {
		if f.ID == e.File {
			fmt.Fprintf(&b, "ERROR FILE:    %s\n", filePair(f))
		}
	}
	fmt.Fprintf(&b, "ERROR CODE:    %s - %s\n", hex(e.Code), oneLine(e.Error()))
	fmt.Fprintf(&b, "ERROR CONTEXT: 0x%08x - %s\n", int(e.Context), contexts[e.Context])
	return b.String()
}
