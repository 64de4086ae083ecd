package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) credentials() *cobra.Command {
	return group(&cobra.Command{
		Use:   "credentials",
		Short: "Set, remove or list the credentials of a job; they are never shown",
	}, a.credentialsSet(), a.credentialsRemove(), a.credentialsList())
}

func (a *app) credentialsSet() *cobra.Command {
	var l login
	var target string
	cmd := &cobra.Command{
		Use:   "set ID",
		Short: "Set or replace credentials for a server or a proxy",
		Example: `  ebb credentials set 3f2a --scheme digest --user alice --password-file ~/.secret
  pass show proxy | ebb credentials set 3f2a --target proxy --user alice --password-stdin`,
		Args:              oneID(),
		ValidArgsFunction: a.completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTarget(target); err != nil {
				return err
			}
			c, err := l.credential(a, target)
			if err != nil {
				return err
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *ebb.Job) error {
				if err := j.SetCredentials(cmd.Context(), c); err != nil {
					return err
				}
				return j.Refresh(cmd.Context())
			})
		},
	}
	l.register(cmd)
	cmd.Flags().StringVar(&target, "target", "server", "server or proxy")
	return cmd
}

func checkTarget(target string) error {
	if target != "server" && target != "proxy" {
		return usage("--target %q is neither server nor proxy", target)
	}
	return nil
}

func (a *app) credentialsRemove() *cobra.Command {
	var pair job.CredentialRef
	cmd := &cobra.Command{
		Use:               "remove ID",
		Short:             "Forget the credentials for one target and scheme",
		Example:           `  ebb credentials remove 3f2a --scheme digest`,
		Args:              oneID(),
		ValidArgsFunction: a.completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkTarget(pair.Target); err != nil {
				return err
			}
			if err := checkScheme("--scheme", pair.Scheme); err != nil {
				return err
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *ebb.Job) error {
				if !slices.Contains(j.Credentials, pair) {
					return usage("job %s has no credentials for %s/%s; see ebb credentials list %s", shortID(j.ID), pair.Target, pair.Scheme, shortID(j.ID))
				}
				if err := j.RemoveCredentials(cmd.Context(), pair); err != nil {
					return err
				}
				return j.Refresh(cmd.Context())
			})
		},
	}
	cmd.Flags().StringVar(&pair.Target, "target", "server", "server or proxy")
	cmd.Flags().StringVar(&pair.Scheme, "scheme", "any", "the scheme they were set for")
	return cmd
}

func (a *app) credentialsList() *cobra.Command {
	return &cobra.Command{
		Use:               "list ID",
		Short:             "List which credentials are set",
		Args:              oneID(),
		ValidArgsFunction: a.completeID,
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
