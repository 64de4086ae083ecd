//go:build unix

package ebb_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// systemDaemon is a daemon for all users in a process of its own, to be killed and started again. Tests with one are not
// parallel: where it is comes from the environment.
type systemDaemon struct {
	*ebb.Client
	t      *testing.T
	dir    string
	binary string // this one, where every user may run it
	cmd    *exec.Cmd
}

func newSystemDaemon(t *testing.T, config string) *systemDaemon {
	t.Helper()
	dir, err := os.MkdirTemp("", "ebb") //nolint:usetesting // others have to get at it, and its path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &systemDaemon{t: t, dir: dir, binary: filepath.Join(dir, "ebb.test")}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		os.Chmod(dir, 0o755), copyProgram(self, d.binary), os.WriteFile(filepath.Join(dir, "ebb.toml"), []byte(config), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("EBB_STATE_DIR", filepath.Join(dir, "state"))
	t.Setenv("EBB_SOCKET", filepath.Join(dir, "run", "s"))
	t.Setenv("EBB_CONFIG", filepath.Join(dir, "ebb.toml"))
	t.Cleanup(d.kill)
	d.start()
	return d
}

func copyProgram(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = io.Copy(out, in)
	return err
}

func (d *systemDaemon) start() {
	d.t.Helper()
	d.cmd = exec.Command(d.binary)
	d.cmd.Env = append(os.Environ(), "EBB_TEST_ROLE=system")
	d.cmd.Stderr = d.t.Output()
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	var err error
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if d.Client, err = ebb.Dial(d.t.Context(), ebb.Options{}); err == nil {
			return
		}
	}
	d.t.Fatal(err)
}

// kill ends the daemon as kill -9 does.
func (d *systemDaemon) kill() {
	if d.cmd == nil {
		return
	}
	if d.Client != nil {
		d.Close()
	}
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	d.cmd = nil
}

// TestConformanceLimits: as configured, an ordinary user's job has at most 200 files; administrators are exempt.
func TestConformanceLimits(t *testing.T) {
	d := newSystemDaemon(t, "[jobs]\nmax_files_per_job = 200\n")
	const ordinary = "S_OK BG_E_TOO_MANY_FILES_IN_JOB"
	if os.Geteuid() != 0 {
		if got := d.another("many files", nil); got != ordinary {
			t.Errorf("an ordinary user: %s", got)
		}
		return
	}
	if got := d.another("many files", &syscall.Credential{Uid: 65534, Gid: 65534}); got != ordinary {
		t.Errorf("an ordinary user: %s", got)
	}
	if got := d.another("many files", nil); got != "S_OK S_OK" {
		t.Errorf("root: %s", got)
	}
}

// another has another process, of another user perhaps, play a role, and returns what it says.
func (d *systemDaemon) another(role string, as *syscall.Credential) string {
	d.t.Helper()
	cmd := exec.CommandContext(d.t.Context(), d.binary)
	cmd.Env = append(os.Environ(), "EBB_TEST_ROLE="+role)
	cmd.Dir, cmd.Stderr = "/", d.t.Output()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := cmd.Output()
	if err != nil {
		d.t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestConformanceDurableNames: what BITS keeps only from the next Resume on survives a daemon that is killed right after the call.
func TestConformanceDurableNames(t *testing.T) {
	d := newSystemDaemon(t, "")
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	files := t.TempDir()
	spec := job.Spec{Settings: job.DefaultSettings(), Files: []job.FileSpec{
		{URL: "http://old.invalid/a", Local: filepath.Join(files, "a")},
		{URL: "http://old.invalid/b", Local: filepath.Join(files, "b")},
		{URL: "http://old.invalid/c", Local: filepath.Join(files, "c")},
	}}
	j, err := d.Create(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	kill := func() {
		t.Helper()
		d.kill()
		d.start()
		if j, err = d.Job(t.Context(), string(j.ID)); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.SetRemoteName(t.Context(), 1, srv.Base+"/one"); err != nil {
		t.Fatal(err)
	}
	kill()
	if n, err := j.ReplaceRemotePrefix(t.Context(), "http://old.invalid", srv.Base); err != nil || n != 2 {
		t.Fatalf("%d replaced, %v", n, err)
	}
	kill()
	if err := j.SkipFile(t.Context(), 2, true); err != nil {
		t.Fatal(err)
	}
	kill()
	if err := j.RemoveFile(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	kill()
	for id, want := range map[job.FileID]string{1: srv.Base + "/one", 2: srv.Base + "/b"} {
		if f, err := j.File(t.Context(), id); err != nil || f.URL != want || f.Skipped != (id == 2) {
			t.Errorf("file %d: %+v, %v", id, f.File, err)
		}
	}
	_, err = j.File(t.Context(), 3)
	wantCode(t, "the removed file", err, job.FileNotFound)
	if err := j.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := j.Wait(t.Context()); err != nil || j.State != job.Transferred || j.Totals.FilesDone != 1 {
		t.Errorf("%v, %+v, %v", j.State, j.Totals, err)
	}
}

// TestChecklist23NobodyNeedsToBeLoggedOn: the job of a user who has nothing running here any more goes on.
func TestChecklist23NobodyNeedsToBeLoggedOn(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.Rate(8<<20))
	t.Setenv("EBB_TEST_URL", srv.URL)
	d := newSystemDaemon(t, "")
	var as *syscall.Credential
	if os.Geteuid() == 0 {
		as = &syscall.Credential{Uid: 65534, Gid: 65534}
	}
	id := d.another("hand over", as)
	j, err := d.Job(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Wait(t.Context()); err != nil || j.State != job.Acknowledged {
		t.Errorf("it is %v: %v", j.State, err)
	}
}
