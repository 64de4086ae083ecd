package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

const (
	commandTimeout = 10 * time.Minute
	commandGrace   = 5 * time.Second // between asking a command to end and ending it
	maxOutput      = 4 << 10         // bytes of a command's output that are logged when it fails
)

// command runs the job's command: the program by its full path with its arguments exactly as
// given, by no shell, as the job's owner, in his home folder and a process group of its own. It
// gets the [Payload] on its standard input and, of the environment, only what a program needs
// to run and these:
//
//	EBB_EVENT      such as "transferred"
//	EBB_EVENT_ID   the notice's ID, the same when it is repeated
//	EBB_JOB_ID     for "ebb complete $EBB_JOB_ID"
//	EBB_STATE      the job's state when it happened
//	EBB_NAME       the job's display name
//	EBB_FILE       the local name of the file, for file_transferred
//	EBB_ERROR      why, for error and cancelled
//
// Exit status 0 is success, anything else is tried again. After 10 minutes the group is asked to
// end, and 5 s later it is ended; that is a failure, too.
func (n *Notifier) command(ctx context.Context, j job.Job, e *entry, body []byte) *failure {
	program := j.NotifyCommand[0]
	if err := checkProgram(program); err != nil {
		return &failure{err: err, hopeless: true}
	}
	owner, err := accountOf(j.Owner)
	if err != nil {
		return &failure{err: fmt.Errorf("command %s: %w", program, err)}
	}
	ctx, cancel := context.WithTimeout(ctx, n.commandTimeout)
	defer cancel()
	var output tail
	cmd := exec.CommandContext(ctx, program, j.NotifyCommand[1:]...)
	cmd.Env = slices.Concat(owner.env, variables(e))
	cmd.Dir = folder(owner.home, program)
	cmd.Stdin = bytes.NewReader(append(body, '\n'))
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.WaitDelay = n.commandGrace
	err = runGroup(ctx, cmd, owner)
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay): // it succeeded; something it left behind still has its output open
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		err = fmt.Errorf("it was ended because it took longer than %s", n.commandTimeout)
	}
	return &failure{err: fmt.Errorf("command %s: %w", program, err), output: output.String()}
}

// checkProgram refuses what could only be run by a search or a shell.
func checkProgram(program string) error {
	switch {
	case !filepath.IsAbs(program):
		return fmt.Errorf("command %q is not a full path; set it to one, such as %q", program, examplePath)
	case !directlyExecutable(program):
		return fmt.Errorf("command %q would be run by a shell; set the script's interpreter as the program, such as %q", program, examplePath)
	}
	return nil
}

// variables are what a command is told by its environment.
func variables(e *entry) []string {
	vars := []string{
		"EBB_EVENT=" + e.Kind.String(),
		"EBB_EVENT_ID=" + strconv.FormatUint(e.ID, 10),
		"EBB_JOB_ID=" + string(e.Job.ID),
		"EBB_STATE=" + e.Job.State.String(),
		"EBB_NAME=" + e.Job.Name,
	}
	if e.File != nil {
		vars = append(vars, "EBB_FILE="+e.File.Local)
	}
	if e.Job.Error != nil && (e.Kind == job.NoticeError || e.Kind == job.NoticeCancelled) {
		vars = append(vars, "EBB_ERROR="+e.Job.Error.Error())
	}
	for i, v := range vars {
		vars[i] = strings.ReplaceAll(v, "\x00", "") // no system can pass it
	}
	return vars
}

// The variables that a command gets from ours. None is a secret; the last ones let it
// find the daemon again. All but the shared ones are about us, not about another user.
var (
	sharedVariables = []string{"PATH", "LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "TZ", "EBB_SOCKET", "EBB_STATE_DIR"}
	ownVariables    = []string{
		"HOME", "USER", "LOGNAME", "SHELL", "TMPDIR",
		"XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME",
		// Windows
		"SystemRoot", "SystemDrive", "TEMP", "TMP", "USERPROFILE", "USERNAME", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PATHEXT",
	}
)

func environment(names ...string) (env []string) {
	for _, name := range names {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// folder is where a command starts: at home, or at the root when that cannot be entered, as for
// a service that the system keeps out of the homes.
func folder(home, program string) string {
	const separator = string(filepath.Separator)
	if _, err := os.Stat(home + separator + "."); home != "" && err == nil { // "." is found only in a folder that can be entered
		return home
	}
	return filepath.VolumeName(program) + separator
}

// tail keeps the end of what is written to it.
type tail struct{ kept []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.kept = append(t.kept, p[max(0, len(p)-maxOutput):]...)
	if over := len(t.kept) - maxOutput; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(strings.TrimSpace(string(t.kept)), "�") }
