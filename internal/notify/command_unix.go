//go:build unix

package notify

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

const examplePath = "/bin/sh"

// directlyExecutable leaves it to the kernel, which runs a script by its "#!" line.
func directlyExecutable(string) bool { return true }

// account is whom a command runs as.
type account struct {
	home       string
	env        []string
	credential *syscall.Credential // nil: as we are
}

// accountOf returns the account of a job's owner, such as "uid:1000". A command never runs with
// more rights than its owner has: only root can run it as somebody else, and nobody can be root
// by leaving a job to root's daemon.
func accountOf(owner string) (account, error) { return accountFor(owner, os.Geteuid()) }

func accountFor(owner string, us int) (account, error) {
	uid, err := strconv.ParseUint(strings.TrimPrefix(owner, "uid:"), 10, 32)
	if err != nil || !strings.HasPrefix(owner, "uid:") {
		return account{}, fmt.Errorf("the job's owner %q is not a user of this system", owner)
	}
	switch {
	case int64(uid) == int64(us):
		return account{home: os.Getenv("HOME"), env: environment(slices.Concat(sharedVariables, ownVariables)...)}, nil
	case us != 0:
		return account{}, fmt.Errorf("it has to run as user %d, but ebb runs as user %d and cannot become another one", uid, us)
	}
	u, err := user.LookupId(strconv.FormatUint(uid, 10))
	if err != nil {
		return account{}, fmt.Errorf("it has to run as user %d: %w", uid, err)
	}
	credential, err := credentialOf(u, uint32(uid))
	if err != nil {
		return account{}, fmt.Errorf("it has to run as user %s: %w", u.Username, err)
	}
	env := append(environment(sharedVariables...), "HOME="+u.HomeDir, "USER="+u.Username, "LOGNAME="+u.Username)
	return account{home: u.HomeDir, env: env, credential: credential}, nil
}

func credentialOf(u *user.User, uid uint32) (*syscall.Credential, error) {
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, err
	}
	c := &syscall.Credential{Uid: uid, Gid: uint32(gid)}
	for _, id := range ids {
		g, err := strconv.ParseUint(id, 10, 32)
		if err != nil {
			return nil, err
		}
		c.Groups = append(c.Groups, uint32(g))
	}
	return c, nil
}

// runGroup runs cmd in a process group of its own. When ctx ends, the whole group is asked to end;
// after cmd.WaitDelay it is ended.
func runGroup(ctx context.Context, cmd *exec.Cmd, as account) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: as.credential}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone
		}
		return err
	}
	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		// The group's number stays taken as long as anybody is left in it.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // an error: nobody is
	}
	return err
}
