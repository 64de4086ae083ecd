package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) fileSkip() *cobra.Command {
	return a.onFiles(&cobra.Command{
		Use:   "skip ID FILE...",
		Short: "Leave files out, so that the others go on without them",
		Long:  `Leave unfinished files out, so that the job goes on without them. What is here of them stays until the job is completed.`,
	}, func(ctx context.Context, j *ebb.Job, file job.FileID) error { return j.SkipFile(ctx, file, true) })
}

func (a *app) fileUnskip() *cobra.Command {
	return a.onFiles(&cobra.Command{Use: "unskip ID FILE...", Short: "Take skipped files in again"},
		func(ctx context.Context, j *ebb.Job, file job.FileID) error {
			return a.thenResume(j, j.SkipFile(ctx, file, false))
		})
}

func (a *app) fileRetry() *cobra.Command {
	return a.onFiles(&cobra.Command{
		Use:   "retry ID FILE...",
		Short: "Fetch files anew from the first byte, also finished and skipped ones",
	}, func(ctx context.Context, j *ebb.Job, file job.FileID) error {
		return a.thenResume(j, j.RetryFile(ctx, file))
	})
}

func (a *app) fileRemove() *cobra.Command {
	return a.onFiles(&cobra.Command{
		Use:   "remove ID FILE...",
		Short: "Take files out of a job and delete what is here of them",
		Long:  `Take files out of a job and delete what is here of them. The numbers of the others stay.`,
	}, func(ctx context.Context, j *ebb.Job, file job.FileID) error { return j.RemoveFile(ctx, file) })
}

func (a *app) fileValidate() *cobra.Command {
	return a.onFiles(&cobra.Command{Use: "validate ID FILE...", Short: "Say that transferred files are right"},
		func(ctx context.Context, j *ebb.Job, file job.FileID) error { return j.SetValidation(ctx, file, true) })
}

func (a *app) fileReject() *cobra.Command {
	return a.onFiles(&cobra.Command{
		Use:   "reject ID FILE...",
		Short: "Say that transferred files are wrong: the job stops, and resume fetches them again",
	}, func(ctx context.Context, j *ebb.Job, file job.FileID) error {
		return a.thenResume(j, j.SetValidation(ctx, file, false))
	})
}

// thenResume says how a job at rest goes on after a command that gave it something to do.
func (a *app) thenResume(j *ebb.Job, err error) error {
	if err == nil && (j.State == job.Suspended || j.State == job.InError) {
		a.hintf("job %[1]s does not run; let it go on with: ebb resume %[1]s", j.ID.Short())
	}
	return err
}

func (a *app) fileSetURL() *cobra.Command {
	return a.onFile(&cobra.Command{
		Use:   "set-url ID FILE URL",
		Short: "Give a file another URL, such as a fresh one for one that has expired",
		Long: `Give an unfinished file another URL, such as a fresh one for one that has expired. What is here stays if the
new one proves to have the same version of the file.`,
		Example: `  ebb file set-url 3f2a b.tar https://mirror.example.com/b.tar`,
		Args:    fileArgs("URL"),
	}, func(ctx context.Context, j *ebb.Job, file job.FileSnapshot, more []string) error {
		return j.SetRemoteName(ctx, file.ID, more[0])
	})
}

func (a *app) fileReplacePrefix() *cobra.Command {
	return &cobra.Command{
		Use:     "replace-prefix ID OLD NEW",
		Short:   "Replace the beginning of all URLs of a job that begin so",
		Example: `  ebb file replace-prefix 3f2a http://old.example.com/ https://new.example.com/`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 3 || args[1] == "" || args[2] == "" {
				return usage("%s takes ID OLD NEW; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return areIDs(cmd, args[:1])
		},
		ValidArgsFunction: a.completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(s *session) error {
				j, err := s.Job(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				n, err := j.ReplaceRemotePrefix(cmd.Context(), args[1], args[2])
				if err != nil {
					return err
				}
				if a.json {
					a.printJSON(struct {
						Replaced int          `json:"replaced"`
						Job      job.Snapshot `json:"job"`
					}{n, j.Snapshot})
					return nil
				}
				a.printf("%d of %d files have a new URL\n", n, j.Totals.Files)
				return nil
			})
		},
	}
}

func (a *app) fileRequest() *cobra.Command {
	cmd := a.onFile(&cobra.Command{
		Use:   "request ID FILE RANGE...",
		Short: "Ask for parts of a file, each OFFSET:LENGTH or OFFSET:eof",
		Long: `Ask for parts of a file, each OFFSET:LENGTH or OFFSET:eof. A job that is on demand (--on-demand) fetches
nothing else, and is suspended once they are here; in other jobs they come first.`,
		Example: `  ebb file request 3f2a disk.img 0:1M 500M:64K
  ebb resume 3f2a`,
	}, func(ctx context.Context, j *ebb.Job, file job.FileSnapshot, more []string) error {
		ranges, err := wantedRanges(file, more)
		if err != nil {
			return err
		}
		return a.thenResume(j, j.RequestRanges(ctx, file.ID, ranges))
	})
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) < 3 {
			return usage("%s takes ID FILE RANGE...; see %s --help", cmd.CommandPath(), cmd.CommandPath())
		}
		if _, err := parseSpans(args[2:]); err != nil {
			return usage("%v", err)
		}
		return areIDs(cmd, args[:1])
	}
	return cmd
}

// wantedRanges are the bytes that words name. The end of a file has to be known to be named.
func wantedRanges(f job.FileSnapshot, words []string) (job.Ranges, error) {
	spans, err := parseSpans(words)
	if err != nil {
		return nil, err
	}
	var out job.Ranges
	for i, s := range spans {
		r := job.Range{Start: s.Offset, End: s.Offset + s.Length}
		if s.Length == job.ToEOF {
			if r.End = f.Size; f.Size < 0 {
				return nil, usage("%s: the size of the file is not known yet; give a length", words[i])
			}
		}
		if r.Len() <= 0 {
			return nil, usage("%s holds no byte of the file", words[i])
		}
		out = out.Add(r)
	}
	return out, nil
}

func (a *app) fileSeek() *cobra.Command {
	cmd := a.onFile(&cobra.Command{
		Use:     "seek ID FILE OFFSET",
		Short:   "Go on fetching at an offset; what is missing before it comes last",
		Example: `  ebb file seek 3f2a film.mkv 700M`,
	}, func(ctx context.Context, j *ebb.Job, file job.FileSnapshot, more []string) error {
		offset, err := parseBytes(more[0])
		if err != nil {
			return err
		}
		return j.UpdatePosition(ctx, file.ID, offset)
	})
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if err := fileArgs("OFFSET")(cmd, args); err != nil {
			return err
		}
		if _, err := parseBytes(args[2]); err != nil {
			return usage("offset %q %v", args[2], err)
		}
		return nil
	}
	return cmd
}
