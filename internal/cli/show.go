package cli

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

// row is a line of what show prints: a name and a value. One without a value is left out.
type row struct{ name, value string }

func (a *app) show() *cobra.Command {
	var failure bool
	cmd := a.reading(&cobra.Command{
		Use:   "show ID",
		Short: "Show all about a job and its files that is not as by default",
		Example: `  ebb show 3f2a
  ebb show 3f2a --error`,
	}, func(ctx context.Context, _ *session, j *ebb.Job) error {
		if failure {
			return a.showError(ctx, j)
		}
		return a.showJob(ctx, j)
	})
	cmd.Flags().BoolVar(&failure, "error", false, "show only the error that stops the job; there is none once it moves again")
	return cmd
}

func (a *app) showJob(ctx context.Context, j *ebb.Job) error {
	all, err := (&files{job: j}).all(ctx)
	if err != nil {
		return err
	}
	if a.json {
		a.printJSON(struct {
			job.Snapshot
			Files []job.FileSnapshot `json:"files"`
		}{j.Snapshot, all})
		return nil
	}
	rows := jobRows(j.Snapshot)
	for _, f := range all {
		rows = append(rows, summaryRows(f)...)
	}
	a.printRows(rows)
	return nil
}

// showError is GetError of BITS.
func (a *app) showError(ctx context.Context, j *ebb.Job) error {
	e := j.CurrentError()
	if e == nil {
		return job.Invalid(job.ErrorInfoUnavailable, "job %s has no error now: it is %s", j.ID.Short(), stateText(j.Snapshot))
	}
	if a.json {
		a.printJSON(e)
		return nil
	}
	rows := errorRows(e)
	all, err := (&files{job: j}).all(ctx)
	if err != nil {
		return err
	}
	for _, f := range all { // it may be none of them: of the whole job, or of a file that was removed since
		if f.ID == e.File {
			rows = append(rows, row{"file", fmt.Sprintf("%d, %s", f.ID, f.Local)}, row{"url", f.URL})
		}
	}
	if e.Answer != nil {
		rows = append(rows, answerRows(e.Answer)...)
	}
	a.printRows(rows)
	return nil
}

// printRows prints rows that have a value, each in one line.
func (a *app) printRows(rows []row) {
	table := tabwriter.NewWriter(a.Stdout, 0, 8, 2, ' ', 0)
	for _, r := range rows {
		if r.value == "" {
			continue
		}
		if r.name != "" {
			r.name += ":"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\n", r.name, oneLine(r.value))
	}
	a.written(table.Flush())
}

func jobRows(s job.Snapshot) []row {
	rows := []row{
		{"id", string(s.ID)},
		{"name", s.Name},
		{"owner", s.Owner},
		{"state", stateText(s)},
		{"why", s.Waits},
		{"progress", progressText(s)},
		{"files", filesText(s.Totals)},
	}
	if s.Type != job.Download {
		rows = append(rows, row{"type", strings.ReplaceAll(s.Type.String(), "_", "-")})
	}
	if s.Rate > 0 {
		rows = append(rows, row{"rate", bytesText(s.Rate) + "/s"})
	}
	rows = append(rows, row{"idle bandwidth", idleText(s.Idle)})
	if s.Error != nil {
		rows = append(rows, errorRows(s.Error)...)
		if s.Error.Answer != nil {
			rows = append(rows, row{"server said", statusText(s.Error.Answer)})
		}
	}
	rows = append(rows, row{"credentials", pairsText(s.Credentials)})
	if s.NeedsCredentials {
		rows = append(rows, row{"needs credentials", "ownership changed"})
	}
	rows = append(rows, row{"headers", strings.Join(s.HeaderNames, ", ")})
	if s.Network.ClientCert {
		rows = append(rows, row{"client certificate", "set"})
	}
	if s.Network.CheckCertificates {
		rows = append(rows, row{"server certificates", "judged by a program of the owner's"})
	}
	rows = append(rows, settingRows(s.Settings)...)
	return append(rows, historyRows(s)...)
}

// settingRows are the priority, and the settings that are not as by default.
func settingRows(s job.Settings) []row {
	var rows []row
	usual, _ := job.New("", "", job.Download, job.DefaultSettings(), time.Time{}) // which are never refused
	defaults := usual.Settings
	for i := range properties {
		p := &properties[i]
		now := p.show(&s)
		if p.key == "name" || (now == p.show(&defaults) && p.key != "priority") {
			continue
		}
		rows = append(rows, row{strings.ReplaceAll(p.key, "-", " "), now})
	}
	return rows
}

// historyRows are what has happened to the job so far.
func historyRows(s job.Snapshot) []row {
	rows := []row{{"errors so far", strconv.Itoa(s.ErrorCount)}}
	if s.Attempts > 0 {
		rows = append(rows, row{"failed tries", strconv.Itoa(s.Attempts) + " since it last made headway"})
	}
	for _, f := range s.Failures {
		what := f.Code.Hex() + " " + f.Text
		if f.File != 0 {
			what = fmt.Sprintf("file %d: %s", f.File, what)
		}
		rows = append(rows, row{"failure", timeText(f.At) + "  " + what})
	}
	if !s.RetryAt.IsZero() {
		rows = append(rows, row{"next try", timeText(s.RetryAt)})
	}
	if s.Active > 0 {
		rows = append(rows, row{"active", s.Active.Round(time.Millisecond).String()})
	}
	rows = append(rows, row{"created", timeText(s.Created)}, row{"modified", timeText(s.Modified)})
	if !s.Finished.IsZero() {
		rows = append(rows, row{"transferred", timeText(s.Finished)})
	}
	if s.Result != job.OK {
		rows = append(rows, row{"result", codeText(s.Result)})
	}
	return rows
}

func codeText(c job.Code) string { return fmt.Sprintf("%s (%s)", c.Hex(), c) }

func errorRows(e *job.Error) []row {
	return []row{
		{"error", e.Error()},
		{"error code", codeText(e.Code) + " in " + strings.ReplaceAll(e.Context.String(), "_", " ")},
		{"error class", strings.ReplaceAll(e.Class.String(), "_", " ")},
		{"schemes offered", strings.Join(e.Schemes, ", ")},
		{"scheme refused", e.Refused},
	}
}

// answerRows are an answer with its headers and the beginning of its body.
func answerRows(answer *job.Answer) []row {
	rows := []row{{"status", statusLine(answer.Status)}}
	if !answer.At.IsZero() {
		rows = append(rows, row{"at", timeText(answer.At)})
	}
	rows = append(rows, row{"address", answer.Address})
	if answer.Took > 0 {
		rows = append(rows, row{"took", answer.Took.Round(time.Millisecond).String()})
	}
	for _, h := range answer.Headers {
		rows = append(rows, row{"header", h.Name + ": " + h.Value})
	}
	return append(rows, row{"body", answer.Body})
}

func statusLine(status int) string {
	return strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
}

func statusText(answer *job.Answer) string {
	out := statusLine(answer.Status)
	if answer.Address != "" {
		out += " from " + answer.Address
	}
	if answer.Took > 0 {
		out += " after " + answer.Took.Round(time.Millisecond).String()
	}
	return out
}

func pairsText(pairs []job.CredentialRef) string {
	var out []string
	for _, c := range pairs {
		out = append(out, c.Target+"/"+c.Scheme)
	}
	return strings.Join(out, ", ")
}

func filesText(t job.Totals) string {
	out := fmt.Sprintf("%d of %d", t.FilesDone, t.Files)
	if t.Skipped > 0 {
		out += fmt.Sprintf(", %d skipped", t.Skipped)
	}
	return out
}

// summaryRows are a file in the list of a job.
func summaryRows(f job.FileSnapshot) []row {
	name := fmt.Sprintf("file %d", f.ID)
	rows := []row{{name, f.Local}, {"", "← " + f.URL}, {"", fileText(f)}}
	ranges := spansText(f.Ranges)
	if f.Sparse {
		ranges += ", each in its place"
	}
	for _, r := range []row{{"ranges", ranges}, {"temporary", f.Temporary}} {
		if r.value != "" {
			rows = append(rows, row{"", r.name + ": " + r.value})
		}
	}
	return rows
}

// fileText is how far a file is.
func fileText(f job.FileSnapshot) string {
	var notes []string
	switch {
	case f.Done:
		notes = append(notes, bytesText(f.Size), "whole")
	case f.Size < 0:
		notes = append(notes, bytesText(f.Transferred)+" of unknown size")
	default:
		notes = append(notes, bytesText(f.Transferred)+" of "+bytesText(f.Wanted()))
	}
	if f.Validated {
		notes = append(notes, "validated")
	}
	if f.Skipped {
		notes = append(notes, "skipped")
	}
	return strings.Join(notes, ", ")
}

func fileRows(f job.FileSnapshot) []row {
	rows := []row{
		{"file", strconv.Itoa(int(f.ID))},
		{"local", f.Local},
		{"url", f.URL},
		{"progress", fileText(f)},
		{"temporary", f.Temporary},
		{"checksum", f.Digest},
		{"ranges", spansText(f.Ranges)},
		{"requested", f.Requested.String()},
		{"etag", f.Validator.ETag},
		{"last modified", f.Validator.LastModified},
	}
	if f.Sparse {
		rows = append(rows, row{"layout", "sparse"})
	}
	if !f.Done {
		rows = append(rows, row{"filled", f.Filled.String()})
	}
	if f.Position > 0 {
		rows = append(rows, row{"position", strconv.FormatInt(f.Position, 10)})
	}
	if f.Rate > 0 {
		rows = append(rows, row{"rate", bytesText(f.Rate) + "/s"})
	}
	return rows
}

// spansText writes ranges as --range reads them.
func spansText(spans []job.Span) string {
	var out []string
	for _, s := range spans {
		length := "eof"
		if s.Length != job.ToEOF {
			length = strconv.FormatInt(s.Length, 10)
		}
		out = append(out, strconv.FormatInt(s.Offset, 10)+":"+length)
	}
	return strings.Join(out, ",")
}
