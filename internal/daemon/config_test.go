//go:build unix

package daemon_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

// configured is a daemon with a configuration file.
func configured(t *testing.T, text string) (p *process, file string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "ebb.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("EBB_CONFIG", file)
	return newProcess(t), file
}

// TestConfigurationIsReloaded: a change of the file is heeded while the daemon runs; one that is wrong changes nothing, and
// can be seen.
func TestConfigurationIsReloaded(t *testing.T) {
	if testing.Short() {
		t.Skip("a changed file is left alone for seconds first")
	}
	p, file := configured(t, "[network]\nforbid_cleartext = true\n[log]\nlevel = \"error\"\n")
	inTheClear := func() job.Code {
		t.Helper()
		spec := job.Spec{Settings: job.DefaultSettings()}
		spec.Network.AllowCleartext = true
		_, err := p.client.Create(t.Context(), spec)
		var known *job.Error
		switch {
		case err == nil:
			return job.OK
		case errors.As(err, &known):
			return known.Code
		}
		t.Fatal(err)
		return 0
	}
	until := func(what string, ok func() bool) {
		t.Helper()
		for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal(what)
			}
		}
	}
	problem := func() string {
		t.Helper()
		st, err := p.client.Status(t.Context())
		if err != nil || st.Daemon.ConfigFile != file {
			t.Fatalf("%+v, %v", st.Daemon, err)
		}
		return st.Daemon.ConfigProblem
	}
	if got := inTheClear(); got != job.BlockedByPolicy || problem() != "" {
		t.Errorf("at first: %v, %s", got, problem())
	}
	if err := os.WriteFile(file, []byte("[network]\nforbid_cleartext = \"perhaps\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	until("a mistake is not noticed", func() bool { return problem() != "" })
	if got := problem(); !strings.Contains(got, "ebb.toml:2: network.forbid_cleartext") || inTheClear() != job.BlockedByPolicy {
		t.Errorf("a mistake: %s, %v", got, inTheClear())
	}
	if err := os.WriteFile(file, []byte("[network]\nforbid_cleartext = false\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	until("the change is not heeded", func() bool { return inTheClear() == job.OK })
	if got := problem(); got != "" {
		t.Errorf("put right: %s", got)
	}
	log, err := os.ReadFile(filepath.Join(p.state, "test.log"))
	if told := string(log); err != nil || strings.Contains(told, "msg=ready") ||
		!strings.Contains(told, "cannot be used") || !strings.Contains(told, "the configuration has changed") {
		t.Errorf("the log began with errors alone, and then told more: %v\n%s", err, told)
	}
}

// TestWrongConfiguration: a daemon does not start with one, and says where the mistake is.
func TestWrongConfiguration(t *testing.T) {
	p, file := configured(t, "# empty\n")
	p.kill()
	if err := os.WriteFile(file, []byte("[limits]\n\nbackground = 0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), p.binary, "daemon")
	cmd.Env = append(os.Environ(), "EBB_STATE_DIR="+p.state, "EBB_SOCKET=", "HOME="+p.state)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), file+":3: limits.background") {
		t.Errorf("%v: %s", err, out)
	}
}

// TestHistoryIsPruned when the daemon starts, to what the configuration says.
func TestHistoryIsPruned(t *testing.T) {
	p, _ := configured(t, "[history]\njobs = 2\n")
	for range 5 {
		j, err := p.client.Create(t.Context(), job.Spec{Settings: job.DefaultSettings()})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Cancel(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := j.Wait(t.Context()); j.State != job.Cancelled {
			t.Fatalf("%v, %v", j.State, err)
		}
	}
	p.kill()
	p.start()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		n := history(t, p.client)
		if n == 2 {
			return
		}
		if n < 2 || time.Now().After(deadline) {
			t.Fatalf("%d jobs are left", n)
		}
	}
}

func history(t *testing.T, c *ebb.Client) (n int) {
	t.Helper()
	for _, err := range c.Jobs(t.Context(), true) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
