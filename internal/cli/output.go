package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// printJSON prints one object on one line.
func (a *app) printJSON(v any) {
	enc := json.NewEncoder(a.Stdout)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		a.notef("%v", err)
	}
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

// shortID is enough of an ID to name a job, in all likelihood.
func shortID(id job.ID) string { return string(id[:min(8, len(id))]) }

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

// nameText is what a person calls a job: its name, else its first file.
func nameText(s job.Snapshot) string {
	if s.Name != "" {
		return s.Name
	}
	return "(no name)"
}

func timeText(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(time.DateTime)
}
