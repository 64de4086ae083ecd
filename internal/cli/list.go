package cli

import (
	"context"
	"fmt"
	"os/user"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb/job"
)

// filter chooses among jobs.
type filter struct {
	all    bool
	states []string
	name   string
	owner  string
	limit  int

	wanted  []job.State    // of states; any when empty
	pattern *regexp.Regexp // of name; nil for any
}

func (a *app) list() *cobra.Command {
	var f filter
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List jobs",
		Example: `  ebb list
  ebb list --state error,transient-error
  ebb list --all --name 'nightly*' --limit 10
  ebb list --system --owner alice
  ebb list --json | jq -r 'select(.totals.files > 100) | .id'`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.prepare(a.system, cmd.Flags().Changed("limit")); err != nil {
				return err
			}
			return a.with(cmd.Context(), func(s *session) error { return a.listJobs(cmd.Context(), s, f) })
		},
	}
	fl := cmd.Flags()
	fl.BoolVar(&f.all, "all", false, "jobs that are completed or cancelled as well")
	fl.StringSliceVar(&f.states, "state", nil, "only jobs in one of these `states`, such as error or transient-error")
	fl.StringVar(&f.name, "name", "", "only jobs with a name like this `pattern` of * and ?, ignoring case")
	fl.StringVar(&f.owner, "owner", "", "only the jobs of this `user`, with --system")
	fl.IntVar(&f.limit, "limit", 0, "at most so many jobs; the default is no limit")
	oneOf(cmd, map[string][]string{"state": stateWords()})
	return cmd
}

// prepare reads what the flags say.
func (f *filter) prepare(system, limited bool) error {
	for _, word := range f.states {
		var s job.State
		if err := s.UnmarshalText([]byte(strings.ReplaceAll(word, "-", "_"))); err != nil {
			return usage("--state %q is none of %s", word, strings.Join(stateWords(), ", "))
		}
		f.wanted = append(f.wanted, s)
		f.all = f.all || s.Final()
	}
	if f.name != "" {
		pattern := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(f.name))
		f.pattern = regexp.MustCompile("(?is)^" + pattern + "$")
	}
	switch {
	case f.owner != "" && !system:
		return usage("--owner is for --system: your own service has no jobs but yours")
	case limited && f.limit < 1:
		return usage("--limit %d is less than 1", f.limit)
	}
	if f.owner != "" && !strings.Contains(f.owner, ":") && !strings.HasPrefix(f.owner, "S-") {
		u, err := user.Lookup(f.owner)
		if err != nil {
			return usage("--owner: there is no user %q; a number is written as uid:1000", f.owner)
		}
		f.owner = ownerOf(u)
	}
	return nil
}

// ownerOf is how the service names a user: by number, and on Windows by SID.
func ownerOf(u *user.User) string {
	if strings.HasPrefix(u.Uid, "S-") {
		return u.Uid
	}
	return "uid:" + u.Uid
}

func stateWords() []string {
	var out []string
	for s := job.Queued; s <= job.Cancelled; s++ {
		out = append(out, strings.ReplaceAll(s.String(), "_", "-"))
	}
	return out
}

// wants reports whether the job is to be listed.
func (f *filter) wants(s job.Snapshot) bool {
	return (len(f.wanted) == 0 || slices.Contains(f.wanted, s.State)) &&
		(f.pattern == nil || f.pattern.MatchString(s.Name)) &&
		(f.owner == "" || f.owner == s.Owner)
}

func (a *app) listJobs(ctx context.Context, s *session, f filter) error {
	table := tabwriter.NewWriter(a.Stdout, 0, 8, 2, ' ', 0)
	rows := 0
	for j, err := range s.Jobs(ctx, f.all) {
		if err != nil {
			return err
		}
		if !f.wants(j.Snapshot) {
			continue
		}
		if rows++; a.json {
			a.printJSON(j.Snapshot)
		} else {
			a.listRow(table, j.Snapshot, rows == 1)
		}
		if rows == f.limit {
			break
		}
	}
	switch {
	case rows > 0:
	case f.wanted != nil || f.pattern != nil || f.owner != "":
		a.hintf("there are no such jobs")
	default:
		a.hintf("there are no jobs; begin with: ebb get URL")
	}
	a.written(table.Flush())
	return nil
}

// listRow adds a job to the table, below the heading if it is the first. Whose it is matters where many have jobs.
func (a *app) listRow(table *tabwriter.Writer, s job.Snapshot, first bool) {
	heading, owner := "", ""
	if a.system {
		heading, owner = "OWNER\t", s.Owner+"\t"
	}
	if first {
		_, _ = fmt.Fprintf(table, "ID\t%sSTATE\tPRIORITY\tFILES\tPROGRESS\tNAME\n", heading)
	}
	_, _ = fmt.Fprintf(table, "%s\t%s%s\t%s\t%d/%d\t%s\t%s\n", s.ID.Short(), owner, stateText(s), s.Priority,
		s.Totals.FilesDone, s.Totals.Files, progressText(s), nameText(s))
}
