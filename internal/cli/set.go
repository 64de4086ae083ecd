package cli

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

func (a *app) set() *cobra.Command {
	return &cobra.Command{
		Use:   "set ID KEY=VALUE...",
		Short: "Change settings of a job, also while it runs",
		Long: `Change settings of a job. The keys are:

  name, description, priority, limit, retry-delay, no-progress-timeout, max-download-time,
  inactivity-timeout, timeout (from now; 0 for none), auto-complete, overwrite, allow-cleartext,
  notify-flags, webhook`,
		Example: `  ebb set 3f2a priority=low limit=500K
  ebb set 3f2a retry-delay=60s`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage("%s takes ID and at least one KEY=VALUE; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return areIDs(cmd, args[:1])
		},
		ValidArgsFunction: a.completeID,
		RunE: func(cmd *cobra.Command, args []string) error {
			settings := map[string]any{}
			for _, arg := range args[1:] {
				if err := setting(settings, arg); err != nil {
					return err
				}
			}
			return a.onJob(cmd.Context(), args[0], func(_ *session, j *ebb.Job) error { return j.Set(cmd.Context(), settings) })
		},
	}
}

// settingKeys are the settings that can be changed, with how each is read into the JSON of the service.
var settingKeys = map[string]func(value string) (name string, v any, err error){
	"name":                text("name"),
	"description":         text("description"),
	"webhook":             text("notify_url"),
	"priority":            readPriority,
	"limit":               readLimit,
	"timeout":             readTimeout,
	"retry-delay":         duration("retry_delay"),
	"no-progress-timeout": duration("no_progress_timeout"),
	"max-download-time":   duration("max_download_time"),
	"inactivity-timeout":  duration("inactivity_timeout"),
	"auto-complete":       boolean("auto_complete"),
	"overwrite":           boolean("overwrite"),
	"notify-flags":        readNotifyFlags,
	"allow-cleartext":     readCleartext,
}

// setting reads KEY=VALUE into the JSON that the service takes.
func setting(into map[string]any, arg string) error {
	key, value, ok := strings.Cut(arg, "=")
	if !ok {
		return usage("%q is not like KEY=VALUE", arg)
	}
	read := settingKeys[key]
	if read == nil {
		return usage("there is no setting %q%s", key, suggestion(key, slices.Sorted(maps.Keys(settingKeys)), "ebb set"))
	}
	name, v, err := read(value)
	if err != nil {
		return usage("%s: %v", arg, err)
	}
	into[name] = v
	return nil
}

func text(name string) func(string) (string, any, error) {
	return func(value string) (string, any, error) { return name, value, nil }
}

func duration(name string) func(string) (string, any, error) {
	return func(value string) (string, any, error) {
		var d job.Duration
		err := d.UnmarshalText([]byte(value))
		return name, d, err
	}
}

func boolean(name string) func(string) (string, any, error) {
	return func(value string) (string, any, error) {
		if value != "true" && value != "false" {
			return name, nil, errors.New("is neither true nor false")
		}
		return name, value == "true", nil
	}
}

// readCleartext changes that alone of how servers are reached.
func readCleartext(value string) (string, any, error) {
	name, allowed, err := boolean("allow_cleartext")(value)
	return "network", map[string]any{name: allowed}, err
}

func readPriority(value string) (string, any, error) {
	var p job.Priority
	err := p.UnmarshalText([]byte(value))
	return "priority", p, err
}

func readLimit(value string) (string, any, error) {
	if value == "" {
		return "limit", nil, errors.New("is empty; 0 is no limit")
	}
	rate, err := parseRate("limit", value)
	return "limit", rate, err
}

// readTimeout turns a time from now into the deadline.
func readTimeout(value string) (string, any, error) {
	var d job.Duration
	err := d.UnmarshalText([]byte(value))
	var deadline time.Time
	if d > 0 {
		deadline = time.Now().Add(time.Duration(d))
	}
	return "deadline", deadline, err
}

func readNotifyFlags(value string) (string, any, error) {
	n, err := strconv.ParseUint(value, 0, 32)
	if err != nil {
		err = errors.New("is not the sum of 1 (transferred), 2 (error), 4 (disable) and 16 (file transferred)")
	}
	return "notify_flags", n, err
}
