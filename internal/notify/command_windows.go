package notify

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/windows"
)

const examplePath = `C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe`

// directlyExecutable refuses batch files, which the system hands to cmd.exe with its rules of
// quoting, and names without an extension, which may turn out to be one.
func directlyExecutable(program string) bool {
	return slices.Contains([]string{".exe", ".com"}, strings.ToLower(filepath.Ext(program)))
}

// account is whom a command runs as: always ourselves.
type account struct {
	home string
	env  []string
}

// accountOf returns our own account if it is the owner's, who is named by his SID. A command
// never runs with more rights than its owner has.
func accountOf(owner string) (account, error) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return account{}, fmt.Errorf("cannot tell whom ebb runs as: %w", err)
	}
	if us := user.User.Sid.String(); us != owner {
		return account{}, fmt.Errorf("it has to run as %s, but ebb runs as %s and cannot become another user", owner, us)
	}
	return account{home: os.Getenv("USERPROFILE"), env: environment(slices.Concat(sharedVariables, ownVariables)...)}, nil
}

// runGroup runs cmd in a job object of its own. When ctx ends, all in it is ended.
func runGroup(ctx context.Context, cmd *exec.Cmd, _ account) error {
	group, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return fmt.Errorf("cannot make a job object: %w", err)
	}
	defer windows.CloseHandle(group) //nolint:errcheck // nothing can be done about it
	end := func() error { return windows.TerminateJobObject(group, 1) }
	cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	cmd.Cancel = end
	if err := cmd.Start(); err != nil {
		return err
	}
	// What it starts before this line escapes: os/exec cannot start it inside the group. An error
	// means that it has ended; if not, cmd.WaitDelay still ends the process itself.
	_ = assign(group, uint32(cmd.Process.Pid))
	err = cmd.Wait()
	if ctx.Err() != nil {
		_ = end() // the rest of the group
	}
	return err
}

func assign(group windows.Handle, pid uint32) error {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, pid)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(process) //nolint:errcheck // nothing can be done about it
	return windows.AssignProcessToJobObject(group, process)
}
