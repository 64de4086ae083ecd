//go:build unix

package daemon_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// TestQuota: what its owner may transfer is fetched and little more, kill -9 gives nothing back, `ebb why` tells, and a
// configuration that allows more lets the job go on.
func TestQuota(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes seconds to reach a quota, and for a changed file to be read")
	}
	const size, allowed, speed = 8 << 20, 3 << 20, 1 << 20
	srv := ebbtest.NewServer(t, ebbtest.Size(size), ebbtest.ETag(`"v1"`), ebbtest.Rate(speed))
	p, file := configured(t, "[quota]\nper_user = \"3M\"\n")
	local := filepath.Join(t.TempDir(), "big")
	j, err := p.client.Create(t.Context(), ebb.Download(srv.URL, local))
	if err != nil {
		t.Fatal(err)
	}
	p.untilBlocked(j.ID)
	why := exec.CommandContext(t.Context(), p.binary, "why", string(j.ID))
	why.Env = append(os.Environ(), "EBB_STATE_DIR="+p.state, "EBB_SOCKET=", "HOME="+p.state)
	said, err := why.CombinedOutput()
	if err != nil || !strings.Contains(string(said), "00:00: its owner has used up the 3 MiB that everybody has in a month") {
		t.Errorf("why: %v, %s", err, said)
	}

	p.kill()
	p.start()
	late, err := p.client.Create(t.Context(), ebb.Download(srv.URL, local+"2"))
	if err != nil {
		t.Fatal(err)
	}
	p.untilBlocked(late.ID)
	p.untilBlocked(j.ID)
	if _, have := partialOf(t, filepath.Dir(local)); have < allowed || have > allowed+speed || len(srv.Requests()) != 1 {
		t.Errorf("%d bytes of the file are here, after %d requests", have, len(srv.Requests()))
	}

	if err := os.WriteFile(file, []byte("[quota]\nper_user = \"1G\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.finish(j.ID)
	if got := sum(t, local); got != srv.SHA256() {
		t.Errorf("the file's digest is %s, want %s", got, srv.SHA256())
	}
}

// untilBlocked waits until the job is kept from running by a policy.
func (p *process) untilBlocked(id job.ID) {
	p.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		j, err := p.client.Job(p.t.Context(), string(id))
		switch {
		case err != nil:
			p.t.Fatal(err)
		case j.Blocked() && j.Error.Code == job.BlockedByPolicy:
			return
		case time.Now().After(deadline):
			p.t.Fatalf("the job is %v: %v, %s", j.State, j.Error, j.Waits)
		}
	}
}
