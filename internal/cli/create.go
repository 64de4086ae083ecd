package cli

import (
	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) create() *cobra.Command {
	var f jobFlags
	var noComplete bool
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Create an empty, suspended job",
		Long: `Create an empty, suspended job and print its ID. Add files with ebb add-file and start
it with ebb resume. Unless --priority says otherwise it runs in the background.`,
		Example: `  id=$(ebb create --name nightly --priority low)
  ebb add-file $id https://example.com/a.tar /srv/a.tar
  ebb resume $id`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.checksum != "" {
				return usage("--checksum belongs to a file: give it to ebb add-file")
			}
			spec, err := f.spec()
			if err != nil {
				return err
			}
			if err := check(spec); err != nil {
				return err
			}
			if spec.Credentials, err = f.credentials(a, nil); err != nil {
				return err
			}
			spec.AutoComplete = !noComplete
			return a.with(cmd.Context(), func(s *session) error {
				j, err := s.Create(cmd.Context(), spec)
				if err != nil {
					return err
				}
				a.printJob(j.Snapshot)
				return nil
			})
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&noComplete, "no-complete", false, "keep the files under their temporary names until `ebb complete`")
	return cmd
}

func (a *app) addFile() *cobra.Command {
	var folder, checksum string
	cmd := &cobra.Command{
		Use:   "add-file ID URL [FILE]",
		Short: "Add a file to a job",
		Example: `  ebb add-file 3f2a https://example.com/a.tar /srv/a.tar
  ebb add-file 3f2a https://example.com/b.tar -d /srv`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 && len(args) != 3 {
				return usage("%s takes ID, URL and perhaps FILE; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return areIDs(cmd, args[:1])
		},
		ValidArgsFunction: a.completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
			out := ""
			if len(args) == 3 {
				out = args[2]
			}
			files, err := filesFor(args[1:2], folder, out, checksum)
			if err != nil {
				return err
			}
			if err := check(job.Spec{Settings: job.DefaultSettings(), Files: files}); err != nil {
				return err
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *ebb.Job) error { return j.AddFiles(cmd.Context(), files...) })
		},
	}
	cmd.Flags().StringVarP(&folder, "dir", "d", ".", "`folder` for the file when FILE is not given")
	cmd.Flags().StringVar(&checksum, "checksum", "", "what the file must hash to, as `sha256=HEX`")
	return cmd
}
