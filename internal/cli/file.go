package cli

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) file() *cobra.Command {
	return group(&cobra.Command{
		Use:   "file",
		Short: "Show and change single files of a job",
		Long: `Show and change single files of a job. FILE is the number that ebb file list has, or the name of the
local file if only one of the job's files has it.`,
		Example: `  ebb file list 3f2a
  ebb file skip 3f2a huge.iso
  ebb file set-url 3f2a 2 https://mirror.example.com/b.tar`,
	},
		a.fileList(), a.fileShow(), a.fileAnswer(),
		a.fileSkip(), a.fileUnskip(), a.fileRetry(), a.fileRemove(), a.fileValidate(), a.fileReject(),
		a.fileSetURL(), a.fileReplacePrefix(), a.fileRequest(), a.fileSeek(),
	)
}

// files finds files of a job as people name them.
type files struct {
	job  *ebb.Job
	list []job.FileSnapshot // nil until somebody needs it
}

// all are the files that are not removed.
func (f *files) all(ctx context.Context) ([]job.FileSnapshot, error) {
	if f.list != nil {
		return f.list, nil
	}
	f.list = []job.FileSnapshot{}
	for file, err := range f.job.Files(ctx) {
		if err != nil {
			return nil, err
		}
		if !file.Removed {
			f.list = append(f.list, file)
		}
	}
	return f.list, nil
}

// find is the file with that number or name.
func (f *files) find(ctx context.Context, name string) (job.FileSnapshot, error) {
	all, err := f.all(ctx)
	if err != nil {
		return job.FileSnapshot{}, err
	}
	var found []job.FileSnapshot
	for _, file := range all {
		if strconv.Itoa(int(file.ID)) == name {
			return file, nil
		}
		if file.Local == name || filepath.Base(file.Local) == name {
			found = append(found, file)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return job.FileSnapshot{}, job.Invalid(job.FileNotFound, "job %[1]s has no file %[2]q; see ebb file list %[1]s", f.job.ID.Short(), name)
	}
	var numbers []string
	for _, file := range found {
		numbers = append(numbers, strconv.Itoa(int(file.ID)))
	}
	return job.FileSnapshot{}, usage("%d files of job %s are called %q; give the number: %s", len(found), f.job.ID.Short(), name, strings.Join(numbers, " or "))
}

// fileArgs demands ID, FILE and as many arguments as more has words.
func fileArgs(more ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 2+len(more) {
			return usage("%s takes %s; see %s --help", cmd.CommandPath(), strings.Join(append([]string{"ID", "FILE"}, more...), " "), cmd.CommandPath())
		}
		return areIDs(cmd, args[:1])
	}
}

// readingFile is a command that looks at one file.
func (a *app) readingFile(cmd *cobra.Command, f func(context.Context, *ebb.Job, job.FileSnapshot) error) *cobra.Command {
	cmd.Args = fileArgs()
	cmd.ValidArgsFunction = a.completeFile
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		return a.with(ctx, func(s *session) error {
			j, err := s.Job(ctx, args[0])
			if err != nil {
				return err
			}
			file, err := (&files{job: j}).find(ctx, args[1])
			if err != nil {
				return err
			}
			return f(ctx, j, file)
		})
	}
	return cmd
}

// onFile is a command about one file. It prints the job with --json.
func (a *app) onFile(cmd *cobra.Command, f func(ctx context.Context, j *ebb.Job, file job.FileSnapshot, more []string) error) *cobra.Command {
	cmd.ValidArgsFunction = a.completeFile
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		return a.onJob(ctx, args[0], func(_ *session, j *ebb.Job) error {
			file, err := (&files{job: j}).find(ctx, args[1])
			if err != nil {
				return err
			}
			return f(ctx, j, file, args[2:])
		})
	}
	return cmd
}

// onFiles is a command that does the same to each of several files. One that fails does not keep the others from
// it; the exit code is that of the first.
func (a *app) onFiles(cmd *cobra.Command, f func(context.Context, *ebb.Job, job.FileID) error) *cobra.Command {
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) < 2 {
			return usage("%s takes ID FILE...; see %s --help", cmd.CommandPath(), cmd.CommandPath())
		}
		return areIDs(cmd, args[:1])
	}
	cmd.ValidArgsFunction = a.completeFile
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		code := exitDone
		err := a.onJob(ctx, args[0], func(_ *session, j *ebb.Job) error {
			known := files{job: j}
			for _, name := range args[1:] {
				file, err := known.find(ctx, name)
				if err == nil {
					err = f(ctx, j, file.ID)
				}
				if err != nil {
					code = cmp.Or(code, a.report(err))
				}
			}
			return nil
		})
		if err == nil && code != exitDone {
			return &exitError{code}
		}
		return err
	}
	return cmd
}

func (a *app) fileList() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:   "list ID",
		Short: "List the files of a job, with their numbers",
		Example: `  ebb file list 3f2a
  ebb file list 3f2a --json | jq -r 'select(.done | not) | .url'`,
	}, func(ctx context.Context, _ *session, j *ebb.Job) error {
		all, err := (&files{job: j}).all(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(a.Stdout, 0, 8, 2, ' ', 0)
		for i, f := range all {
			if a.json {
				a.printJSON(f)
				continue
			}
			if i == 0 {
				_, _ = fmt.Fprintln(table, "FILE\tPROGRESS\tNAME")
			}
			_, _ = fmt.Fprintf(table, "%d\t%s\t%s\n", f.ID, fileText(f), oneLine(f.Local))
		}
		if len(all) == 0 {
			a.hintf("job %[1]s has no files; add some with: ebb add-file %[1]s URL", j.ID.Short())
		}
		a.written(table.Flush())
		return nil
	})
}

func (a *app) fileShow() *cobra.Command {
	return a.readingFile(&cobra.Command{Use: "show ID FILE", Short: "Show all about a file of a job", Example: `  ebb file show 3f2a b.tar`},
		func(_ context.Context, _ *ebb.Job, f job.FileSnapshot) error {
			if a.json {
				a.printJSON(f)
				return nil
			}
			a.printRows(fileRows(f))
			return nil
		})
}

func (a *app) fileAnswer() *cobra.Command {
	return a.readingFile(&cobra.Command{
		Use:     "answer ID FILE",
		Short:   "Show what the server last said about a file: status and headers",
		Example: `  ebb file answer 3f2a b.tar`,
	}, func(ctx context.Context, j *ebb.Job, f job.FileSnapshot) error {
		answer, err := j.Answer(ctx, f.ID)
		if err != nil {
			return err
		}
		if a.json {
			a.printJSON(answer)
			return nil
		}
		a.printRows(answerRows(&answer))
		return nil
	})
}
