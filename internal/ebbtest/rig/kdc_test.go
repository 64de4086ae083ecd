//go:build integration

package rig

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// inRealm runs one of Kerberos's own clients and reports whether it succeeded.
func inRealm(t *testing.T, r *Realm, argv ...string) bool {
	t.Helper()
	cmd := exec.Command(need(t, argv[0]), argv[1:]...)
	cmd.Env = []string{"KRB5_CONFIG=" + r.ConfigFile}
	out, err := cmd.CombinedOutput()
	t.Logf("%q: %v: %s", argv, err, out)
	return err == nil
}

func TestKDC(t *testing.T) {
	t.Parallel()
	r := KDC(t)
	cache := r.CCache(t, Alice, time.Hour)
	for _, service := range []string{ServiceLocalhost, ServiceWeb} {
		if !inRealm(t, r, "kvno", "-c", cache, "-k", r.Keytab, service) {
			t.Errorf("no ticket for %s that its key opens", service)
		}
	}
	for _, u := range Users {
		r.CCache(t, u, time.Hour)
	}
	if inRealm(t, r, "kvno", "-c", cache, "HTTP/nowhere.ebb.test") {
		t.Error("a ticket for a service that does not exist")
	}

	want := []KDCRequest{
		{"AS_REQ", "NEEDED_PREAUTH", "alice@EBB.TEST", "krbtgt/EBB.TEST@EBB.TEST"},
		{"AS_REQ", "ISSUE", "alice@EBB.TEST", "krbtgt/EBB.TEST@EBB.TEST"},
		{"TGS_REQ", "ISSUE", "alice@EBB.TEST", "HTTP/localhost@EBB.TEST"},
		{"TGS_REQ", "ISSUE", "alice@EBB.TEST", "HTTP/web.ebb.test@EBB.TEST"},
	}
	log := r.Requests()
	if diff := cmp.Diff(want, log[:min(len(want), len(log))]); diff != "" {
		t.Errorf("the KDC's log (-want +got):\n%s", diff)
	}
	last := KDCRequest{"TGS_REQ", "LOOKING_UP_SERVER", "alice@EBB.TEST", "HTTP/nowhere.ebb.test@EBB.TEST"}
	if got := log[len(log)-1]; got != last {
		t.Errorf("the KDC's last request is %v, want %v", got, last)
	}
}

func TestKDCPassword(t *testing.T) {
	t.Parallel()
	r := KDC(t)
	cache := t.TempDir() + "/krb5cc"
	kinit := func(password string) bool {
		cmd := exec.Command(need(t, "kinit"), "-c", cache, Alice.Name)
		cmd.Env = []string{"KRB5_CONFIG=" + r.ConfigFile}
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		go func() { // ends with kinit
			defer in.Close()
			_, _ = in.Write([]byte(password + "\n"))
		}()
		return cmd.Run() == nil
	}
	if !kinit(Alice.Password) {
		t.Error("the right password is refused")
	}
	if kinit("wrong") {
		t.Error("a wrong password is accepted")
	}
	log := r.Requests()
	if got := log[len(log)-1].Result; got != "PREAUTH_FAILED" {
		t.Errorf("the KDC logged %q for a wrong password", got)
	}
	r.Admin("cpw", "-pw", "changed", Alice.Name)
	if !kinit("changed") {
		t.Error("the changed password is refused")
	}
}

func TestKDCRestart(t *testing.T) {
	t.Parallel()
	r := KDC(t)
	cache := r.CCache(t, Alice, time.Hour)
	r.Stop()
	if inRealm(t, r, "kvno", "-c", cache, ServiceLocalhost) {
		t.Error("a stopped KDC answers")
	}
	r.Start()
	if !inRealm(t, r, "kvno", "-c", cache, ServiceLocalhost) {
		t.Error("a ticket from before the restart is worth nothing")
	}
}

// A ticket of two seconds is one that tests can wait for the end of.
func TestKDCShortTicket(t *testing.T) {
	t.Parallel()
	r := KDC(t)
	cache := r.CCache(t, Alice, 2*time.Second)
	if _, err := os.Stat(cache); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(10 * time.Second)
	for inRealm(t, r, "klist", "-s", "-c", cache) {
		select {
		case <-deadline:
			t.Fatal("the ticket outlives its two seconds")
		case <-time.After(50 * time.Millisecond): // the ticket's end is in whole seconds, on a clock that is not ours
		}
	}
}
