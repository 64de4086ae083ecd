package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"github.com/ebb-transfer/ebb/job"
)

// printJSON prints a result: one object on one line.
func (a *app) printJSON(v any) { a.written(writeJSON(a.Stdout, v)) }

// printf prints a result.
func (a *app) printf(format string, args ...any) {
	_, err := fmt.Fprintf(a.Stdout, format, args...)
	a.written(err)
}

// written remembers that a result could not be written: the command has failed then, whatever it did.
func (a *app) written(err error) {
	if err != nil && a.broken == nil {
		a.broken = fmt.Errorf("write to standard output: %w", err)
	}
}

// printJob prints what a script needs to go on: the job, or just its ID.
func (a *app) printJob(s job.Snapshot) {
	if a.json {
		a.printJSON(s)
		return
	}
	a.printf("%s\n", s.ID)
}

// notef tells a person something that is not the result: on standard error, with --json as an
// object, so that both streams can be read by a program.
func (a *app) notef(format string, args ...any) {
	text := oneLine(fmt.Sprintf(format, args...))
	if a.json {
		_ = writeJSON(a.Stderr, map[string]string{"note": text})
		return
	}
	_, _ = fmt.Fprintf(a.Stderr, "ebb: %s\n", text)
}

// hintf is notef for what the JSON of a job says already.
func (a *app) hintf(format string, args ...any) {
	if !a.json {
		a.notef(format, args...)
	}
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// bytesText is a size for people, in units of 1024.
func bytesText(n int64) string {
	if n < 0 {
		return "?"
	}
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if v /= 1024; v < 1024 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}

// stateText is a state for people.
func stateText(s job.Snapshot) string {
	if s.Intent != job.NoIntent {
		return s.Intent.String()
	}
	return strings.ReplaceAll(s.State.String(), "_", " ")
}

// progressText is how far a job is.
func progressText(s job.Snapshot) string {
	switch {
	case s.Size < 0:
		return bytesText(s.Transferred)
	case s.Size == 0 && s.Totals.FilesDone < s.Totals.Files:
		return "-"
	case s.Transferred >= s.Size:
		return bytesText(s.Size)
	}
	return fmt.Sprintf("%s of %s (%d%%)", bytesText(s.Transferred), bytesText(s.Size), 100*s.Transferred/s.Size)
}

// nameText is what a person calls a job. Jobs of ebb get have the name of their first file.
func nameText(s job.Snapshot) string {
	if s.Name != "" {
		return oneLine(s.Name)
	}
	return "-"
}

// oneLine is text as a terminal may show it: in one line and without control characters, which could
// come from a server or from a program that created a job.
func oneLine(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}
