package cli

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb/job"
)

func (a *app) set() *cobra.Command {
	return &cobra.Command{
		Use:   "set ID KEY=VALUE...",
		Short: "Change settings of a job, also while it runs",
		Long: `Change settings of a job. The keys are:

  name, description, priority, limit, retry-delay, no-progress-timeout, max-download-time,
  inactivity-timeout, timeout (from now; 0 for none), auto-complete, overwrite, notify-flags, webhook`,
		Example: `  ebb set 3f2a priority=low limit=500K
  ebb set 3f2a retry-delay=60s`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("%s takes ID and at least one KEY=VALUE; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			settings := map[string]any{}
			for _, arg := range args[1:] {
				if err := setting(settings, arg); err != nil {
					return err
				}
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *jobRef) error { return j.Set(cmd.Context(), settings) })
		},
	}
}

// setting reads KEY=VALUE into the JSON that the service takes.
func setting(into map[string]any, arg string) error {
	key, value, ok := strings.Cut(arg, "=")
	if !ok {
		return usage("%q is not like KEY=VALUE", arg)
	}
	switch key {
	case "name", "description", "priority":
		into[key] = value
	case "retry-delay", "no-progress-timeout", "max-download-time", "inactivity-timeout":
		into[strings.ReplaceAll(key, "-", "_")] = value
	case "webhook":
		into["notify_url"] = value
	case "auto-complete", "overwrite", "notify-flags":
		var v any
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			return usage("%s=%q is neither true, false nor a number", key, value)
		}
		into[strings.ReplaceAll(key, "-", "_")] = v
	case "limit":
		if value == "0" {
			value = ""
		}
		rate, err := parseRate(value)
		if err != nil {
			return err
		}
		into["limit"] = rate
	case "timeout":
		return setTimeout(into, value)
	default:
		return usage("there is no setting %q; see ebb set --help", key)
	}
	return nil
}

func setTimeout(into map[string]any, value string) error {
	var d job.Duration
	if err := d.UnmarshalText([]byte(value)); err != nil {
		return usage("timeout=%q: %v", value, err)
	}
	at := time.Time{}
	if d > 0 {
		at = time.Now().Add(time.Duration(d))
	}
	into["deadline"] = at
	return nil
}
