package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
)

// TestMain lets the scripts run the test binary as ebb.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"ebb": main})
}

// TestScript runs the stories of testdata/script, each with a daemon and a home of its own.
func TestScript(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               func(env *testscript.Env) error { return setup(t, env) },
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"server":     server,
			"change":     change,
			"whole":      whole,
			"sent":       sent,
			"parts":      parts,
			"looks":      looks,
			"expand":     expand,
			"exits":      exits,
			"id":         id,
			"waitjob":    waitJob,
			"waitdaemon": waitDaemon,
			"hidden":     hidden,
			"signal":     signal,
			"webhook":    webhook,
			"signed":     signed,

			"interrupt":   interrupt,
			"waitpartial": waitPartial,
			"waitlines":   waitLines,
		},
	})
}

// condition knows root: the script may act as other users.
func condition(name string) (bool, error) {
	if name != "root" {
		return false, fmt.Errorf("unknown condition %s", name)
	}
	return os.Geteuid() == 0, nil
}

func setup(t *testing.T, env *testscript.Env) error {
	home := env.WorkDir + "/home"
	env.Setenv("HOME", home)
	env.Setenv("EBB_STATE_DIR", env.WorkDir+"/state")
	env.Setenv("GORACE", os.Getenv("GORACE"))
	for _, name := range []string{"EBB_SOCKET", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "NETRC", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"} {
		env.Setenv(name, "")
	}
	env.Values[serversKey{}] = &servers{t: env.T().(testing.TB), byName: map[string]*ebbtest.Server{}, calls: map[string]<-chan webhookCall{}}
	env.Defer(func() { stopDaemon(t, env.Vars) })
	return os.MkdirAll(home, 0o700)
}

// stopDaemon ends the daemon of a script, if there is one.
func stopDaemon(t *testing.T, vars []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	stop := exec.CommandContext(ctx, "ebb", "daemon", "stop")
	stop.Env = vars
	if out, err := stop.CombinedOutput(); err != nil {
		t.Errorf("ebb daemon stop: %v\n%s", err, out)
	}
}
