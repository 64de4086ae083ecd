package bitsadmin

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func credentialCommands() []command {
	return []command{
		{
			name: "/SETCREDENTIALS", args: "<job> SERVER|PROXY BASIC|DIGEST|NTLM|NEGOTIATE|PASSPORT user_name password", least: 5, most: 5, run: onJob(setCredentials),
			help: "Sets credentials for one target and scheme. NULL NULL stands for your own, for NTLM and NEGOTIATE.",
		},
		{
			name: "/REMOVECREDENTIALS", args: "<job> SERVER|PROXY BASIC|DIGEST|NTLM|NEGOTIATE|PASSPORT", least: 3, most: 3, run: onJob(removeCredentials),
			help: "Forgets the credentials for one target and scheme.",
		},
	}
}

func setCredentials(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	c := job.Credential{Target: strings.ToLower(args[0]), Scheme: strings.ToLower(args[1]), User: orNone(args[2]), Password: orNone(args[3])}
	c.EmptyPassword = args[3] == ""
	c.Implicit = strings.EqualFold(args[2], "NULL") && strings.EqualFold(args[3], "NULL")
	if err := j.SetCredentials(ctx, c); err != nil {
		return unable("set credentials", err)
	}
	t.tell("Credentials set for %s %s.", strings.ToUpper(c.Target), strings.ToUpper(c.Scheme))
	return t.allowCleartext(ctx, j)
}

func removeCredentials(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	pair := job.CredentialRef{Target: strings.ToLower(args[0]), Scheme: strings.ToLower(args[1])}
	if err := j.RemoveCredentials(ctx, pair); err != nil {
		return unable("remove credentials", err)
	}
	t.tell("Credentials removed for %s %s.", strings.ToUpper(pair.Target), strings.ToUpper(pair.Scheme))
	return nil
}

// legible are the schemes that send the secret itself, for everyone on the way to read unless that is encrypted; any may
// come to be one of them.
var legible = []string{"basic", "passport", "bearer", "any"}

// allowCleartext lets a job send such secrets over plain http, as BITS does without being asked, and warns of it.
func (t *tool) allowCleartext(ctx context.Context, j *ebb.Job) error {
	if j.Network.AllowCleartext {
		return nil
	}
	files, err := t.files(ctx, j)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(j.Credentials, func(c job.CredentialRef) bool {
		return slices.Contains(legible, c.Scheme) && (c.Target == "proxy" || slices.ContainsFunc(files, overHTTP))
	})
	if i < 0 {
		return nil
	}
	if err := j.Set(ctx, map[string]any{"network": map[string]any{"allow_cleartext": true}}); err != nil {
		return unable("allow a secret in the clear", err)
	}
	t.warn("warning: %s sends the secret of job %s in the clear to the %s; better use https, or another scheme",
		strings.ToUpper(j.Credentials[i].Scheme), guid(j.ID), j.Credentials[i].Target)
	return nil
}

// overHTTP reports whether a file comes unencrypted.
func overHTTP(f job.FileSnapshot) bool {
	u, err := url.Parse(f.URL)
	return err == nil && u.Scheme == "http"
}
