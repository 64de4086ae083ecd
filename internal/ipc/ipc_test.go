package ipc

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustSelf(t *testing.T) Actor {
	t.Helper()
	actor, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	return actor
}

// serve answers every request on l with its actor, until the test ends.
func serve(t *testing.T, l net.Listener) {
	t.Helper()
	server := &http.Server{
		ConnContext: ConnContext,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			actor, ok := ActorFrom(r.Context())
			if !ok {
				w.WriteHeader(http.StatusForbidden)
				return
			}
			_ = json.NewEncoder(w).Encode(actor)
		}),
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	t.Cleanup(func() {
		_ = server.Close()
		wg.Wait()
	})
}

// whoAmI asks a server made by serve.
func whoAmI(t *testing.T, dial DialFunc) (actor Actor, status int) {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://ebb/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode == http.StatusOK {
		if err := json.Unmarshal(body, &actor); err != nil {
			t.Fatal(err)
		}
	}
	return actor, resp.StatusCode
}

func TestPipePeerIsThisProcess(t *testing.T) {
	t.Parallel()
	l, dial, err := Pipe()
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l)
	actor, status := whoAmI(t, dial)
	if diff := cmp.Diff(mustSelf(t), actor); status != http.StatusOK || diff != "" {
		t.Errorf("status %d, actor (-want +got):\n%s", status, diff)
	}
	if actor.PID != os.Getpid() {
		t.Errorf("pid %d, want %d", actor.PID, os.Getpid())
	}
}

func TestPipeEnds(t *testing.T) {
	t.Parallel()
	l, dial, err := Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := dial(ctx); !errors.Is(err, context.DeadlineExceeded) { // nobody accepts
		t.Errorf("dial = %v, want the deadline", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept = %v, want closed", err)
		}
	})
	for range 2 {
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	wg.Wait()
	if _, err := dial(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("dial = %v, want closed", err)
	}
}

// What does not come from a listener of ours has no actor, so that nobody mistakes it for a user.
func TestNoActorOverTCP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l)
	_, status := whoAmI(t, func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", l.Addr().String())
	})
	if status != http.StatusForbidden {
		t.Errorf("status %d, want %d", status, http.StatusForbidden)
	}
	if _, ok := ActorFrom(httptest.NewRequest(http.MethodGet, "/", nil).Context()); ok {
		t.Error("an actor without a connection")
	}
}
