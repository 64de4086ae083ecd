package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb/job"
)

func (a *app) credentials() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "credentials",
		Short: "Set, remove or list the credentials of a job; they are never shown",
	}
	cmd.AddCommand(a.credentialsSet(), a.credentialsRemove(), a.credentialsList())
	return cmd
}

func (a *app) credentialsSet() *cobra.Command {
	var f authFlags
	cmd := &cobra.Command{
		Use:     "set ID",
		Short:   "Set or replace credentials for a server or a proxy",
		Example: `  ebb credentials set 3f2a --scheme digest --user alice --password-file ~/.secret`,
		Args:    exactly(1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			creds, err := f.credentials(a.Stdin)
			if err != nil {
				return err
			}
			if len(creds) == 0 {
				return usage("no credentials given; see %s --help", cmd.CommandPath())
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *jobRef) error {
				for _, c := range creds {
					if err := j.SetCredentials(cmd.Context(), c); err != nil {
						return err
					}
				}
				return j.Refresh(cmd.Context())
			})
		},
	}
	f.register(cmd)
	return cmd
}

func (a *app) credentialsRemove() *cobra.Command {
	var pair job.CredentialRef
	cmd := &cobra.Command{
		Use:   "remove ID",
		Short: "Forget the credentials for one target and scheme",
		Args:  exactly(1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *jobRef) error {
				if err := j.RemoveCredentials(cmd.Context(), pair); err != nil {
					return err
				}
				return j.Refresh(cmd.Context())
			})
		},
	}
	cmd.Flags().StringVar(&pair.Target, "target", "server", "server or proxy")
	cmd.Flags().StringVar(&pair.Scheme, "scheme", "any", "basic, digest, ntlm, negotiate, passport, bearer or any")
	return cmd
}

func (a *app) credentialsList() *cobra.Command {
	return &cobra.Command{
		Use:   "list ID",
		Short: "List which credentials are set",
		Args:  exactly(1, "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd.Context(), func(s *session) error { return a.listCredentials(cmd.Context(), s, args[0]) })
		},
	}
}

func (a *app) listCredentials(ctx context.Context, s *session, id string) error {
	j, err := s.Job(ctx, id)
	if err != nil {
		return err
	}
	for _, pair := range j.Credentials {
		if a.json {
			a.printJSON(pair)
		} else {
			a.printf("%s\t%s\n", pair.Target, pair.Scheme)
		}
	}
	return nil
}
