package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) set() *cobra.Command {
	var keyFile string
	cmd := &cobra.Command{
		Use:   "set ID KEY=VALUE...",
		Short: "Change settings of a job, also while it runs",
		Long: `Change settings of a job: all that are named, or none. An empty value takes a text away; notify-command and
pin are given several times for several words. The keys are:

` + wrapped(settingKeys(), 90),
		Example: `  ebb set 3f2a priority=low limit=500K
  ebb set 3f2a retry-delay=60s transfer-policy=not-roaming
  ebb set 3f2a notify-flags=transferred,error,file-transferred
  ebb set 3f2a notify-command=/usr/local/bin/unpack notify-command=--quiet
  ebb set 3f2a webhook=https://ops.example.com/ebb --webhook-key-file key`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) < 2 && keyFile == "" {
				return usage("%s takes ID and at least one KEY=VALUE; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return areIDs(cmd, args[:1])
		},
		ValidArgsFunction: a.completeSetting,
		RunE: func(cmd *cobra.Command, args []string) error {
			scratch := job.DefaultSettings()
			if _, err := settings(&scratch, args[1:]); err != nil { // what is wrong in itself needs no service
				return err
			}
			key, err := readWebhookKey(keyFile)
			if err != nil {
				return err
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *ebb.Job) error {
				now := j.Settings
				patch, err := settings(&now, args[1:])
				if err == nil && key != "" { // first, so that no call to a new webhook has the former one
					err = j.SetWebhookKey(cmd.Context(), key)
				}
				if err != nil || len(patch) == 0 {
					return err
				}
				return j.Set(cmd.Context(), patch)
			})
		},
	}
	cmd.Flags().StringVar(&keyFile, webhookKeyFlag, "", webhookKeyUsage)
	return cmd
}

// settings reads words like KEY=VALUE into s, and returns the JSON that changes what they name.
func settings(s *job.Settings, words []string) (map[string]any, error) {
	patch, seen := map[string]any{}, map[string]bool{}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok {
			return nil, usage("%q is not like KEY=VALUE", word)
		}
		p := propertyOf(key)
		if p == nil {
			return nil, usage("there is no setting %q%s", key, suggestion(key, settingKeys(), "ebb set"))
		}
		if err := p.assign(s, value, !seen[key]); err != nil {
			return nil, usage("%s: %v", word, err)
		}
		seen[key] = true
		p.into(patch, s)
	}
	return patch, nil
}

func settingKeys() []string {
	out := make([]string, len(properties))
	for i, p := range properties {
		out[i] = p.key
	}
	return out
}

// wrapped is words by comma, in lines of at most width columns.
func wrapped(words []string, width int) string {
	var b strings.Builder
	column := 0
	for i, word := range words {
		if i < len(words)-1 {
			word += ","
		}
		switch {
		case column == 0:
			b.WriteString("  ")
		case column+len(word) >= width:
			b.WriteString("\n  ")
			column = 0
		default:
			b.WriteString(" ")
		}
		b.WriteString(word)
		column += len(word) + 1
	}
	return b.String()
}
