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
		Long: `Set credentials for one target and scheme; those that were set for the two before are replaced.
Set several, one by one, when it is not known what a server will ask for, or leave the scheme
at any. Without a user, ntlm, negotiate and any stand for the credentials of the job's owner:
the Kerberos tickets or the logon session. Only the owner may set credentials.

With --user and no password on the command line, the password is asked for on a terminal.`,
		Example: `  ebb credentials set 3f2a --scheme basic --user alice
  ebb credentials set 3f2a --scheme digest --user alice --password-file ~/.secret
  ebb credentials set 3f2a --scheme ntlm --user 'EXAMPLE\alice'
  ebb credentials set 3f2a --scheme negotiate
  ebb credentials set 3f2a --scheme negotiate --user alice@EXAMPLE.COM --password-file ~/.secret
  ebb credentials set 3f2a --scheme passport --user alice@example.com
  ebb credentials set 3f2a --scheme bearer --password-file token
  pass show proxy | ebb credentials set 3f2a --target proxy --user alice --password-stdin`,
		Args:              oneID(),
		ValidArgsFunction: a.completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
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
	l.register(cmd, "")
	cmd.Flags().StringVar(&target, "target", "server", "server or proxy")
	oneOf(cmd, map[string][]string{"target": job.Targets()})
	return cmd
}

func (a *app) credentialsRemove() *cobra.Command {
	var pair job.CredentialRef
	cmd := &cobra.Command{
		Use:   "remove ID",
		Short: "Forget the credentials for one target and scheme",
		Example: `  ebb credentials remove 3f2a --scheme digest
  ebb credentials remove 3f2a --target proxy --scheme ntlm`,
		Args:              oneID(),
		ValidArgsFunction: a.completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := pair.Check(); err != nil {
				return err
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *ebb.Job) error {
				if !slices.Contains(j.Credentials, pair) {
					return usage("job %s has no credentials for %s/%s; see ebb credentials list %s", j.ID.Short(), pair.Target, pair.Scheme, j.ID.Short())
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
	oneOf(cmd, map[string][]string{"target": job.Targets(), "scheme": job.Schemes()})
	return cmd
}

func (a *app) credentialsList() *cobra.Command {
	return a.reading(&cobra.Command{
		Use:     "list ID",
		Short:   "List which credentials are set: target and scheme, never the secrets",
		Example: `  ebb credentials list 3f2a`,
	}, a.listCredentials)
}

func (a *app) listCredentials(_ context.Context, _ *session, j *ebb.Job) error {
	for _, pair := range j.Credentials {
		if a.json {
			a.printJSON(pair)
		} else {
			a.printf("%s\t%s\n", pair.Target, pair.Scheme)
		}
	}
	switch {
	case j.NeedsCredentials:
		a.hintf("job %s needs credentials: ownership changed", j.ID.Short())
	case len(j.Credentials) == 0:
		a.hintf("job %s has no credentials", j.ID.Short())
	}
	return nil
}
