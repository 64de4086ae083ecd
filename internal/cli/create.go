package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) create() *cobra.Command {
	var f jobFlags
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
			spec, err := f.spec(a)
			if err != nil {
				return err
			}
			if err := check(spec); err != nil {
				return err
			}
			if spec.Credentials, err = f.credentials(a, nil); err != nil {
				return err
			}
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
	f.register(cmd, newSettings())
	return cmd
}
