package ipc

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func pipeName() string { return pipePrefix + "ebb-test-" + uuid.NewString() }

func TestRequestOverNamedPipeHasActor(t *testing.T) {
	t.Parallel()
	for name, listen := range map[string]func(string) (net.Listener, error){"user": Listen, "system": ListenSystem} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := pipeName()
			l, err := listen(path)
			if err != nil {
				t.Fatal(err)
			}
			serve(t, l)
			actor, status := whoAmI(t, func(ctx context.Context) (net.Conn, error) { return Dial(ctx, path) })
			if diff := cmp.Diff(mustSelf(t), actor); status != http.StatusOK || diff != "" {
				t.Errorf("status %d, actor (-want +got):\n%s", status, diff)
			}
			if _, err := listen(path); !errors.Is(err, ErrInUse) {
				t.Errorf("a second Listen = %v, want ErrInUse", err)
			}
		})
	}
}

func TestDialWithoutDaemon(t *testing.T) {
	t.Parallel()
	if _, err := Dial(t.Context(), pipeName()); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Dial = %v, want ErrNotRunning", err)
	}
	for _, path := range []string{"", `C:\ebb.sock`, pipePrefix} {
		if _, err := Dial(t.Context(), path); err == nil || !strings.Contains(err.Error(), "EBB_SOCKET") {
			t.Errorf("Dial(%q) = %v, want a word about EBB_SOCKET", path, err)
		}
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	env := func(system bool, stateDir string) Env {
		return Env{System: system, Getenv: func(name string) string {
			return map[string]string{"LocalAppData": `C:\Users\Ann\AppData\Local`, "ProgramData": `C:\ProgramData`, "EBB_STATE_DIR": stateDir}[name]
		}}
	}
	sockets := map[string]bool{}
	for _, tt := range []struct {
		env   Env
		state string
	}{
		{env(false, ""), `C:\Users\Ann\AppData\Local\ebb`},
		{env(true, ""), `C:\ProgramData\ebb`},
		{env(false, `D:\1`), `D:\1`},
		{env(true, `D:\2`), `D:\2`},
	} {
		if got, err := StateDir(tt.env); got != tt.state || err != nil {
			t.Errorf("StateDir = %q, %v, want %q", got, err, tt.state)
		}
		socket, err := SocketPath(tt.env)
		if err != nil || checkPath(socket) != nil || sockets[socket] {
			t.Errorf("SocketPath = %q, %v, want another pipe for %s", socket, err, tt.state)
		}
		sockets[socket] = true
	}
}
