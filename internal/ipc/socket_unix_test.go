//go:build unix

package ipc

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustListen(t *testing.T, path string, listen func(string) (net.Listener, error)) net.Listener {
	t.Helper()
	l, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestRequestOverSocketHasActor(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortFolder(t), "ebb", "ebb.sock")
	serve(t, mustListen(t, path, Listen))
	actor, status := whoAmI(t, func(ctx context.Context) (net.Conn, error) { return Dial(ctx, path) })
	want := mustSelf(t)
	if runtime.GOOS == "freebsd" {
		want.PID = 0
	}
	if diff := cmp.Diff(want, actor); status != http.StatusOK || diff != "" {
		t.Errorf("status %d, actor (-want +got):\n%s", status, diff)
	}
}

func TestModes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		listen         func(string) (net.Listener, error)
		folder, socket fs.FileMode
	}{
		{"user", Listen, 0o700, 0o600},
		{"system", ListenSystem, 0o755, 0o666},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(shortFolder(t), "a", "b", "ebb.sock")
			l := mustListen(t, path, tt.listen)
			for _, is := range []struct {
				path string
				mode fs.FileMode
			}{{filepath.Dir(path), tt.folder}, {path, tt.socket}, {path + ".lock", 0o600}} {
				info, err := os.Lstat(is.path)
				if err != nil {
					t.Fatal(err)
				}
				if info.Mode().Perm() != is.mode {
					t.Errorf("%s has mode %v, want %v", is.path, info.Mode().Perm(), is.mode)
				}
			}
			if err := l.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
			if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the socket after Close: %v, want none", err)
			}
			mustListen(t, path, tt.listen) // the path is free again
			_ = l.Close()                  // and a second Close leaves it to its new owner
			if conn, err := Dial(t.Context(), path); err != nil {
				t.Error(err)
			} else {
				_ = conn.Close()
			}
		})
	}
}

func TestPeerIsTheOtherProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortFolder(t), "ebb.sock")
	l := mustListen(t, path, Listen)
	client := start(t, os.Geteuid(), "dial", path)
	if client.Error != "" {
		t.Fatal(client.Error)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	actor, err := Peer(conn)
	if err != nil {
		t.Fatal(err)
	}
	want := mustSelf(t)
	want.PID = client.PID
	if runtime.GOOS == "freebsd" {
		want.PID = 0
	}
	if diff := cmp.Diff(want, actor); diff != "" {
		t.Errorf("actor (-want +got):\n%s", diff)
	}
}

func TestPeerIsAnotherUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	parent := openFolder(t)
	if err := os.Chmod(parent, 0o777|fs.ModeSticky); err != nil { // root's daemon is trusted even there
		t.Fatal(err)
	}
	path := filepath.Join(parent, "ebb", "ebb.sock")
	l := mustListen(t, path, ListenSystem)
	client := start(t, nobody, "dial", path)
	if client.Error != "" {
		t.Fatal(client.Error)
	}
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	actor, err := Peer(conn)
	if err != nil {
		t.Fatal(err)
	}
	want := Actor{ID: "uid:65534", Name: "nobody", PID: client.PID}
	if runtime.GOOS == "freebsd" {
		want.PID = 0
	}
	if diff := cmp.Diff(want, actor); diff != "" {
		t.Errorf("actor (-want +got):\n%s", diff)
	}
}

// The modes keep other users out, and so does the look at their credentials if the modes do not.
func TestOtherUsersAreNotAdmitted(t *testing.T) {
	t.Parallel()
	needRoot(t)
	path := filepath.Join(openFolder(t), "ebb.sock")
	l := mustListen(t, path, Listen)
	if client := start(t, nobody, "dial-bare", path); !strings.Contains(client.Error, "permission denied") {
		t.Errorf("another user connecting: %q, want permission denied", client.Error)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if client := start(t, nobody, "dial-bare", path); client.Error != "" {
		t.Fatalf("another user connecting to an open socket: %q", client.Error)
	}
	ours, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if actor, err := Peer(conn); err != nil || actor.ID != mustSelf(t).ID {
		t.Errorf("first admitted: %v, %v, want ourselves", actor, err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortFolder(t), "ebb.sock")
	daemon := start(t, os.Geteuid(), "listen", path)
	if daemon.Error != "" {
		t.Fatal(daemon.Error)
	}
	if _, err := Listen(path); !errors.Is(err, ErrInUse) {
		t.Fatalf("Listen beside a living daemon = %v, want ErrInUse", err)
	}
	daemon.kill()
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("a killed daemon leaves its socket: %v", err)
	}
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNotRunning) {
		t.Errorf("Dial to a dead daemon = %v, want ErrNotRunning", err)
	}
	mustListen(t, path, Listen)
	conn, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// A program that knows nothing of the lock keeps its socket too.
func TestLivingSocketIsNotReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortFolder(t), "ebb.sock")
	var config net.ListenConfig
	other, err := config.Listen(t.Context(), "unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, err = Listen(path)
	if !errors.Is(err, ErrInUse) {
		t.Fatalf("Listen = %v, want ErrInUse", err)
	}
	oneLine(t, err.Error(), path, "already listening")
}

// A daemon that has the lock but no socket yet is about to listen.
func TestStartingDaemonKeepsThePath(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortFolder(t), "ebb.sock")
	lock, err := takeLock(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); !errors.Is(err, ErrInUse) {
		t.Errorf("Listen = %v, want ErrInUse", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	mustListen(t, path, Listen)
}

// A system daemon started with a tight umask can be reached all the same.
func TestUmaskDoesNotCount(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortFolder(t), "ebb", "ebb.sock")
	if daemon := start(t, os.Geteuid(), "listen-system-umask", path); daemon.Error != "" {
		t.Fatal(daemon.Error)
	}
	for path, want := range map[string]fs.FileMode{filepath.Dir(path): 0o755, path: 0o666} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v, want mode %v", path, info.Mode(), err, want)
		}
	}
}

func TestOneOfManyProcessesListens(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortFolder(t), "ebb", "ebb.sock")
	start(t, os.Geteuid(), "listen", path).kill() // a stale socket for all to fight over
	var processes [10]*process
	for i := range processes {
		processes[i] = launch(t, os.Geteuid(), "listen", path)
	}
	winners := 0
	for _, p := range processes {
		p.await(t)
		switch {
		case p.Error == "":
			winners++
		case !p.InUse:
			t.Errorf("a loser says %q", p.Error)
		}
	}
	if winners != 1 {
		t.Errorf("%d of 10 listen, want 1", winners)
	}
}

func TestOneOfManyGoroutinesListens(t *testing.T) {
	t.Parallel()
	for range 20 {
		path := filepath.Join(shortFolder(t), "ebb", "ebb.sock")
		ready := make(chan struct{})
		var listeners [10]net.Listener
		var errs [10]error
		var wg sync.WaitGroup
		for i := range listeners {
			wg.Go(func() {
				<-ready
				listeners[i], errs[i] = Listen(path)
			})
		}
		close(ready)
		wg.Wait()
		winners := 0
		for i, l := range listeners {
			switch {
			case errs[i] == nil:
				winners++
				defer l.Close()
			case !errors.Is(errs[i], ErrInUse):
				t.Errorf("a loser says %q", errs[i])
			}
		}
		if winners != 1 {
			t.Errorf("%d of 10 listen, want 1", winners)
		}
	}
}

func TestWhatIsNoSocketStays(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortFolder(t), "ebb.sock")
	if err := os.WriteFile(path, []byte("a letter"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Listen(path)
	if err == nil {
		t.Fatal("Listen took the place of a file")
	}
	oneLine(t, err.Error(), path, "not a socket", "EBB_SOCKET")
	if content, err := os.ReadFile(path); string(content) != "a letter" {
		t.Errorf("the file is now %q, %v", content, err)
	}
}

func TestImpossiblePaths(t *testing.T) {
	t.Parallel()
	dir := shortFolder(t)
	fits := filepath.Join(dir, strings.Repeat("a", maxPath-len(dir)-1))
	mustListen(t, fits, Listen)
	for _, tt := range []struct{ name, path, want string }{
		{"too long", fits + "a", "shorter"},
		{"relative", "ebb.sock", "absolute"},
		{"abstract", "@ebb", "absolute"},
		{"empty", "", "absolute"},
		{"with a NUL", "/tmp/a\x00b", "NUL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for what, open := range map[string]func() (io.Closer, error){
				"Listen": func() (io.Closer, error) { return Listen(tt.path) },
				"Dial":   func() (io.Closer, error) { return Dial(t.Context(), tt.path) },
			} {
				_, err := open()
				if err == nil {
					t.Fatalf("%s(%q) succeeds", what, tt.path)
				}
				oneLine(t, err.Error(), tt.want, "EBB_SOCKET")
			}
		})
	}
}

func TestDialWithoutDaemon(t *testing.T) {
	t.Parallel()
	path := filepath.Join(shortFolder(t), "ebb", "ebb.sock")
	_, err := Dial(t.Context(), path)
	if !errors.Is(err, ErrNotRunning) {
		t.Fatalf("Dial = %v, want ErrNotRunning", err)
	}
	oneLine(t, err.Error(), path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	mustListen(t, path, Listen)
	if _, err := Dial(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial with an ended context = %v", err)
	}
}
