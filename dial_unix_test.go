//go:build unix

package ebb_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// standIn makes this test binary the daemon that Dial starts, and returns a socket for it. Such tests are not
// parallel: what the daemon is comes from the environment.
func standIn(t *testing.T, role string) ebb.Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "ebb") //nolint:usetesting // t.TempDir is too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket := filepath.Join(dir, "s")
	t.Setenv("EBB_STATE_DIR", filepath.Join(dir, "state"))
	t.Setenv("EBB_SOCKET", socket)
	t.Setenv("EBB_TEST_ROLE", role)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return ebb.Options{Socket: socket, Start: []string{self}}
}

// stop ends the daemon behind the client.
func stop(t *testing.T, c *ebb.Client) {
	t.Helper()
	if err := c.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	for { // Status answers until the daemon has ended
		if _, err := c.Status(t.Context()); errors.Is(err, ebb.ErrUnavailable) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	c.Close()
}

func TestDialWithoutDaemon(t *testing.T) {
	opts := standIn(t, "daemon")
	opts.Start = nil
	if _, err := ebb.Dial(t.Context(), opts); !errors.Is(err, ebb.ErrUnavailable) || !strings.Contains(err.Error(), opts.Socket) {
		t.Errorf("Dial: %v", err)
	}
	opts.Start = []string{filepath.Join(t.TempDir(), "missing")}
	if _, err := ebb.Dial(t.Context(), opts); !errors.Is(err, ebb.ErrUnavailable) || !strings.Contains(err.Error(), "missing") {
		t.Errorf("Dial with a program that is not there: %v", err)
	}
}

// What is at the socket's path and is no dead daemon's is not a reason to start one.
func TestDialStartsNothingBesideAForeigner(t *testing.T) {
	opts := standIn(t, "broken")
	if err := os.WriteFile(opts.Socket, nil, 0o000); err != nil {
		t.Fatal(err)
	}
	opts.Socket += "/below" // not a folder
	if _, err := ebb.Dial(t.Context(), opts); !errors.Is(err, ebb.ErrUnavailable) || strings.Contains(err.Error(), "cheese") {
		t.Errorf("Dial: %v", err)
	}
}

func TestDialStartsDaemon(t *testing.T) {
	opts := standIn(t, "daemon")
	l, err := net.Listen("unix", opts.Socket) // leave a socket that nobody listens at
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	c, err := ebb.Dial(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, c)
	st, err := c.Status(t.Context())
	if err != nil || st.Daemon == nil || st.Daemon.PID == os.Getpid() || st.Daemon.Socket != opts.Socket {
		t.Errorf("%+v, %v", st, err)
	}
	again, err := ebb.Dial(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if second, err := again.Status(t.Context()); err != nil || second.Daemon.PID != st.Daemon.PID {
		t.Errorf("the second Dial has the daemon %+v, %v", second.Daemon, err)
	}
}

func TestDialTellsWhyDaemonFails(t *testing.T) {
	_, err := ebb.Dial(t.Context(), standIn(t, "broken"))
	if !errors.Is(err, ebb.ErrUnavailable) || !strings.HasSuffix(err.Error(), ": the state folder is made of cheese") || strings.Contains(err.Error(), "first") {
		t.Errorf("Dial: %v", err)
	}
	if _, err := ebb.Dial(t.Context(), standIn(t, "mute")); !errors.Is(err, ebb.ErrUnavailable) || !strings.Contains(err.Error(), "exit status 1") {
		t.Errorf("Dial with a mute one: %v", err)
	}
}

// However many programs start at once, one daemon serves them all.
func TestDialRace(t *testing.T) {
	opts := standIn(t, "daemon")
	const programs = 5
	clients := make([]*ebb.Client, programs)
	pids := make([]int, programs)
	var all sync.WaitGroup
	for i := range programs {
		all.Go(func() {
			c, err := ebb.Dial(t.Context(), opts)
			if err != nil {
				t.Error(err)
				return
			}
			clients[i] = c
			if st, err := c.Status(t.Context()); err != nil {
				t.Error(err)
			} else {
				pids[i] = st.Daemon.PID
			}
		})
	}
	all.Wait()
	for i, c := range clients {
		if pids[i] != pids[0] {
			t.Errorf("the daemons are %v", pids)
		}
		if c != nil && i > 0 {
			c.Close()
		}
	}
	if clients[0] != nil {
		stop(t, clients[0])
	}
}

// The API is for curl, too.
func TestCurl(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		ebbtest.Lacks(t, "curl is not installed: run `make install-test-deps` as root")
	}
	c, err := ebb.Dial(t.Context(), standIn(t, "daemon"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, c)
	socket := os.Getenv("EBB_SOCKET")
	run := func(args ...string) string {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), curl, append([]string{"-sS", "--noproxy", "*", "--max-time", "30", "--unix-socket", socket}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("curl %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	for _, host := range []string{"ebb", "localhost"} {
		if got := run("http://" + host + "/v1/status"); !strings.Contains(got, `"version"`) {
			t.Errorf("status of %s: %s", host, got)
		}
		if got := run("-H", "Content-Type: application/json", "-d", `{"name": "by curl"}`, "http://"+host+"/v1/jobs"); !strings.Contains(got, `"by curl"`) {
			t.Errorf("create on %s: %s", host, got)
		}
	}
	if got := run("-d", `{}`, "http://ebb/v1/jobs"); !strings.Contains(got, "Content-Type: application/json") {
		t.Errorf("create without a type: %s", got)
	}
	if got := run("http://example.com/v1/jobs"); !strings.Contains(got, "other hosts") {
		t.Errorf("list on a foreign host: %s", got)
	}
	n := 0
	for j, err := range c.Jobs(t.Context(), false) {
		if n++; err != nil || j.State != job.Suspended || j.Name != "by curl" {
			t.Errorf("%v, %v", j, err)
		}
	}
	if n != 2 {
		t.Errorf("%d jobs", n)
	}
}
