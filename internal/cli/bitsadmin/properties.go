package bitsadmin

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

// property is one value of a job: the switches /GETname and, unless set is nil, /SETname.
type property struct {
	name  string
	label string // in sentences
	args  string // of /SETname
	get   func(job.Snapshot) string
	set   func(value string) (setting string, v any, err error) // into the JSON of the service
}

// properties are the values that one word or number can say.
func properties() []property {
	return []property{
		{"TYPE", "type", "", func(s job.Snapshot) string { return typeText(s.Type) }, nil},
		{"STATE", "state", "", func(s job.Snapshot) string { return stateText(s.State) }, nil},
		{"OWNER", "owner", "", func(s job.Snapshot) string { return account(s.Owner) }, nil},
		{"BYTESTOTAL", "size", "", func(s job.Snapshot) string { return sizeText(s.Size) }, nil},
		{"BYTESTRANSFERRED", "number of transferred bytes", "", func(s job.Snapshot) string { return sizeText(s.Transferred) }, nil},
		{"FILESTOTAL", "number of files", "", func(s job.Snapshot) string { return strconv.Itoa(s.Totals.Files) }, nil},
		{"FILESTRANSFERRED", "number of transferred files", "", func(s job.Snapshot) string { return strconv.Itoa(s.Totals.FilesDone) }, nil},
		{"CREATIONTIME", "time of creation", "", func(s job.Snapshot) string { return timeText(s.Created) }, nil},
		{"MODIFICATIONTIME", "time of the last change", "", func(s job.Snapshot) string { return timeText(s.Modified) }, nil},
		{"COMPLETIONTIME", "time of completion", "", func(s job.Snapshot) string { return timeText(s.Finished) }, nil},
		{"ERRORCOUNT", "number of errors", "", func(s job.Snapshot) string { return strconv.Itoa(s.ErrorCount) }, nil},
		{"DISPLAYNAME", "display name", "display_name", func(s job.Snapshot) string { return oneLine(s.Name) }, text("name")},
		{"DESCRIPTION", "description", "description", func(s job.Snapshot) string { return oneLine(s.Description) }, text("description")},
		{"PRIORITY", "priority", "FOREGROUND|HIGH|NORMAL|LOW", priorityText, readPriority},
		{"MINRETRYDELAY", "minimum retry delay", "seconds", func(s job.Snapshot) string { return seconds(s.RetryDelay) }, duration("retry_delay")},
		{"NOPROGRESSTIMEOUT", "no progress timeout", "seconds", func(s job.Snapshot) string { return seconds(s.NoProgressTimeout) }, duration("no_progress_timeout")},
		{"MAXDOWNLOADTIME", "maximum download time", "seconds", func(s job.Snapshot) string { return seconds(s.MaxDownloadTime) }, duration("max_download_time")},
		{"ACLFLAGS", "ACL flags", "[O][G][D][S]", func(s job.Snapshot) string { return aclText(s.ACLFlags) }, readACLFlags},
		{"PEERCACHINGFLAGS", "peer caching flags", "flags", func(s job.Snapshot) string { return flagText(s.PeerCaching) }, flags("peer_caching")},
		{"HTTPMETHOD", "HTTP method", "method", func(s job.Snapshot) string { return cmp.Or(s.Method, http.MethodGet) }, text("method")},
		{"SECURITYFLAGS", "security flags", "flags", func(s job.Snapshot) string { return flagText(uint32(s.Network.SecurityFlags)) }, network(flags("security_flags"))},
		{"NOTIFYFLAGS", "notification flags", "flags", func(s job.Snapshot) string { return flagText(uint32(s.NotifyFlags)) }, flags("notify_flags")},
	}
}

func propertyCommands() (out []command) {
	for _, p := range properties() {
		out = append(out, command{
			name: "/GET" + p.name, args: "<job>", help: "Prints the " + p.label + " of a job.", least: 1, most: 1,
			run: onJob(func(_ context.Context, t *tool, j *ebb.Job, _ []string) error {
				t.value(p.get(j.Snapshot))
				return nil
			}),
		})
		if p.set != nil {
			out = append(out, command{
				name: "/SET" + p.name, args: "<job> " + p.args, help: "Sets the " + p.label + " of a job.", least: 2, most: 2,
				run: onJob(p.change),
			})
		}
	}
	return append(out, command{
		name: "/GETERROR", args: "<job>", help: "Prints the error that has stopped a job.", least: 1, most: 1, run: onJob(getError),
	})
}

// change sets a property and says what it is now, which may be another value: a retry delay has a least one.
func (p property) change(ctx context.Context, t *tool, j *ebb.Job, args []string) error {
	setting, v, err := p.set(args[0])
	if err != nil {
		return usage("/SET"+p.name, "Invalid %s: %s", p.label, args[0])
	}
	if err := j.Set(ctx, map[string]any{setting: v}); err != nil {
		return unable("set "+p.label, err)
	}
	t.tell("%s%s set to %s.", strings.ToUpper(p.label[:1]), p.label[1:], p.get(j.Snapshot))
	return nil
}

func priorityText(s job.Snapshot) string { return strings.ToUpper(s.Priority.String()) }

// flagText is a set of bits, in the way that /SET… takes it.
func flagText(flags uint32) string { return strconv.FormatUint(uint64(flags), 10) }

var errInvalid = errors.New("invalid value")

func text(setting string) func(string) (string, any, error) {
	return func(value string) (string, any, error) { return setting, value, nil }
}

func readPriority(value string) (string, any, error) {
	var p job.Priority
	err := p.UnmarshalText([]byte(strings.ToLower(value)))
	return "priority", p, err
}

func duration(setting string) func(string) (string, any, error) {
	return func(value string) (string, any, error) {
		n, err := strconv.ParseUint(value, 10, 32)
		return setting, strconv.FormatUint(n, 10) + "s", err
	}
}

// flags reads bits as a decimal number, or with 0x as a hexadecimal one.
func flags(setting string) func(string) (string, any, error) {
	return func(value string) (string, any, error) {
		n, err := strconv.ParseUint(value, 0, 32)
		return setting, n, err
	}
}

// network puts a setting where those for the network are.
func network(read func(string) (string, any, error)) func(string) (string, any, error) {
	return func(value string) (string, any, error) {
		setting, v, err := read(value)
		return "network", map[string]any{setting: v}, err
	}
}

func readACLFlags(value string) (string, any, error) {
	bits, ok := readACL(orNone(value))
	if !ok {
		return "", nil, errInvalid
	}
	return "acl_flags", bits, nil
}

func getError(ctx context.Context, t *tool, j *ebb.Job, _ []string) error {
	e := j.CurrentError()
	if e == nil {
		return unable("get error", job.Invalid(job.ErrorInfoUnavailable, "job %s is %s and has no error", guid(j.ID), stateText(j.State)))
	}
	files, err := t.files(ctx, j)
	if err != nil {
		return err
	}
	t.value(strings.TrimSuffix(errorText(e, files), "\n"))
	return nil
}
