package rig

import (
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// processAttributes gives a server its own process group, makes it end with the
// test, and takes root's rights from it: Apache and squid refuse to run with them.
func processAttributes(t testing.TB) *syscall.SysProcAttr {
	t.Helper()
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if os.Getuid() == 0 {
		uid, gid := nobody(t)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return attr
}

// killGroup ends a server and its children, which share the group that
// processAttributes made for it.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

func nobody(t testing.TB) (uid, gid int) {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, err = strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err = strconv.Atoi(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return uid, gid
}

// stateDir returns a folder for a server's state that the server can reach.
func stateDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	reachable(t, dir)
	return dir
}

// reachable lets nobody pass through the folders between the system's temporary
// folder and dir: those of t.TempDir are closed to others.
func reachable(t testing.TB, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	for d := filepath.Clean(dir); strings.HasPrefix(d, filepath.Clean(os.TempDir())+"/"); d = filepath.Dir(d) {
		info, err := os.Stat(d)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(d, info.Mode().Perm()|0o011); err != nil {
			t.Fatal(err)
		}
	}
}

// own gives dir and what is in it to the user that the server runs as.
func own(t testing.TB, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	uid, gid := nobody(t)
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(name, uid, gid)
	})
	if err != nil {
		t.Fatal(err)
	}
}
