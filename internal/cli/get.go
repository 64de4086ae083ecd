package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) get() *cobra.Command {
	var f jobFlags
	var folder, out string
	var detach bool
	cmd := &cobra.Command{
		Use:   "get URL...",
		Short: "Download files: create a job, follow it, complete it",
		Long: `Download files. All URLs make one job, which is created, queued, shown while it runs,
and completed: every file gets its name when it is whole.

Ctrl-C leaves the job to the daemon and says how to come back to it; a second Ctrl-C
cancels it. The same command again goes on with a job that is not finished, with the
settings and credentials that are given now; other settings stay as they are.`,
		Example: `  ebb get https://example.com/image.iso
  ebb get -o /srv/image.iso --checksum sha256=9f86d0… https://example.com/image.iso
  ebb get --user alice --password-file ~/.secret https://files.example.com/report.pdf
  ebb get --scheme negotiate https://intranet.example.com/report.pdf
  ebb get --detach --priority low --limit 2M https://example.com/large.tar`,
		Args: atLeastOne("URL"),
		RunE: func(cmd *cobra.Command, urls []string) error {
			if detach && a.standalone {
				return usage("--detach leaves the job to the daemon, and --standalone has none; use one of them")
			}
			spec, err := f.downloads(a, urls, folder, out)
			if err != nil {
				return err
			}
			spec.Resume = true
			return a.with(cmd.Context(), func(s *session) error {
				j, err := a.createOrGoOn(cmd, s, spec)
				if err != nil {
					return err
				}
				if detach {
					a.printJob(j.Snapshot)
					return nil
				}
				return a.follow(cmd.Context(), s, j)
			})
		},
	}
	settings := newSettings()
	settings.Priority = job.Foreground // a person waits
	f.register(cmd, settings)
	fl := cmd.Flags()
	fl.BoolVar(&f.netrc, "netrc", false, "take user and password from ~/.netrc, or the file that NETRC names")
	fl.StringVarP(&folder, "dir", "d", ".", "`folder` for the files; their names come from the server or the URL")
	fl.StringVarP(&out, "output", "o", "", "name of the `file`, for one URL")
	fl.BoolVar(&detach, "detach", false, "return at once and leave the job to the daemon")
	return cmd
}

// downloads is the job that gets urls. It is checked as far as that is possible without the service.
func (f *jobFlags) downloads(a *app, urls []string, folder, out string) (job.Spec, error) {
	files, err := filesFor(urls, folder, out, f.checksum)
	if err != nil {
		return job.Spec{}, err
	}
	spec, err := f.spec(a)
	if err != nil {
		return spec, err
	}
	spec.Files = files
	if spec.Name == "" {
		spec.Name = nameFor(files)
	}
	if err := check(spec); err != nil {
		return spec, err
	}
	spec.Credentials, err = f.credentials(a, urls)
	return spec, err
}

// nameFor is the display name of a job that was given none.
func nameFor(files []job.FileSpec) string {
	name := []rune(filepath.Base(files[0].Local))
	name = name[:min(len(name), job.MaxNameLen-32)]
	if len(files) == 1 {
		return string(name)
	}
	return fmt.Sprintf("%s and %d more", string(name), len(files)-1)
}

// createOrGoOn creates the job, unless there is one already that fetches the same files: then the
// command is the second try of somebody whose first one was cut short.
func (a *app) createOrGoOn(cmd *cobra.Command, s *session, spec job.Spec) (*ebb.Job, error) {
	ctx := cmd.Context()
	j, err := unfinished(ctx, s, spec)
	switch {
	case err != nil:
		return nil, err
	case j == nil:
		return s.Create(ctx, spec)
	}
	a.notef("going on with job %s, which fetches this already", j.ID.Short())
	if len(spec.Headers) > 0 || spec.ClientCert != "" {
		a.notef("its headers and client certificate stay as they are; for others, first: ebb cancel %s", j.ID.Short())
	}
	return j, goOn(cmd, j, spec)
}

// unfinished finds the live job of this user that fetches the files of spec, nil when there is none. Those of others, which
// an administrator sees, are not ours to go on with.
func unfinished(ctx context.Context, s *session, spec job.Spec) (*ebb.Job, error) {
	me, err := ebb.Self()
	if err != nil {
		return nil, err
	}
	for j, err := range s.Jobs(ctx, false) {
		if err != nil {
			return nil, err
		}
		if j.Owner != me || j.Name != spec.Name || j.Totals.Files != len(spec.Files) || j.Type != spec.Type || j.Intent != job.NoIntent {
			continue
		}
		same, err := fetches(ctx, j, spec.Files)
		if err != nil {
			return nil, err
		}
		if same {
			return j, nil
		}
	}
	return nil, nil
}

func fetches(ctx context.Context, j *ebb.Job, files []job.FileSpec) (bool, error) {
	n := 0
	for f, err := range j.Files(ctx) {
		if err != nil {
			return false, err
		}
		if n == len(files) || !sameFile(f.File, files[n]) {
			return false, nil
		}
		n++
	}
	return n == len(files), nil
}

func sameFile(f job.File, spec job.FileSpec) bool {
	same := f.URL == spec.URL && f.Digest == spec.Digest && f.NameFromServer == spec.NameFromServer
	if spec.NameFromServer { // the server may have named it by now
		return same && filepath.Dir(f.Local) == filepath.Dir(spec.Local)
	}
	return same && f.Local == spec.Local
}

// goOn gives a job what the command says now and lets it run. One that is just ending needs neither.
func goOn(cmd *cobra.Command, j *ebb.Job, spec job.Spec) error {
	err := renew(cmd, j, spec)
	if errors.Is(err, job.ErrState) {
		return nil
	}
	return err
}

func renew(cmd *cobra.Command, j *ebb.Job, spec job.Spec) error {
	ctx := cmd.Context()
	for _, c := range spec.Credentials {
		if err := j.SetCredentials(ctx, c); err != nil {
			return err
		}
	}
	if spec.WebhookKey != "" {
		if err := j.SetWebhookKey(ctx, spec.WebhookKey); err != nil {
			return err
		}
	}
	patch, err := givenProperties(cmd, j.Settings)
	if err != nil {
		return err
	}
	// This much is said by get itself: somebody waits, for whole files under their names.
	patch["priority"], patch["auto_complete"] = spec.Priority, spec.AutoComplete
	if err := j.Set(ctx, patch); err != nil {
		return err
	}
	if j.State == job.Transferred || j.Intent != job.NoIntent {
		return nil
	}
	return j.Resume(ctx)
}
