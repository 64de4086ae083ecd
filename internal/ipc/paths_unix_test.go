//go:build unix

package ipc

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// environ returns an environment of the pairs of names and values.
func environ(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	run := shortFolder(t)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	home := "/home/ann/" + homeState
	for _, tt := range []struct {
		name          string
		env           []string
		system        bool
		state, socket string // no socket: it depends on where the tests are
	}{
		{"home only", []string{"HOME", "/home/ann"}, false, home, home + "/ebb.sock"},
		{"runtime folder", []string{"HOME", "/home/ann", "XDG_RUNTIME_DIR", run}, false, home, run + "/ebb/ebb.sock"},
		{"runtime folder that is not there", []string{"HOME", "/home/ann", "XDG_RUNTIME_DIR", run + "/no"}, false, home, home + "/ebb.sock"},
		{"relative XDG folders", []string{"HOME", "/home/ann", "XDG_RUNTIME_DIR", ".", "XDG_STATE_HOME", "s"}, false, home, home + "/ebb.sock"},
		{"state home", []string{"HOME", "/home/ann", "XDG_STATE_HOME", "/s"}, false, "/s/ebb", "/s/ebb/ebb.sock"},
		{"state folder", []string{"EBB_STATE_DIR", "/s/1", "XDG_STATE_HOME", "/s", "XDG_RUNTIME_DIR", run}, false, "/s/1", "/s/1/ebb.sock"},
		{"relative state folder", []string{"EBB_STATE_DIR", "../x/"}, false, filepath.Join(here, "../x"), ""},
		{"socket", []string{"EBB_STATE_DIR", "/s/1", "EBB_SOCKET", "/r/e.sock"}, false, "/s/1", "/r/e.sock"},
		{"relative socket", []string{"EBB_STATE_DIR", "/s/1", "EBB_SOCKET", "e.sock"}, false, "/s/1", here + "/e.sock"},
		{"system", []string{"HOME", "/home/u", "XDG_STATE_HOME", "/s", "XDG_RUNTIME_DIR", run}, true, systemState, systemRun + "/ebb.sock"},
		{"system with a state folder", []string{"EBB_STATE_DIR", "/s/1"}, true, "/s/1", "/s/1/ebb.sock"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := Env{Getenv: environ(tt.env...), System: tt.system}
			if got, err := StateDir(env); got != tt.state || err != nil {
				t.Errorf("StateDir = %q, %v, want %q", got, err, tt.state)
			}
			if got, err := SocketPath(env); tt.socket != "" && got != tt.socket || err != nil {
				t.Errorf("SocketPath = %q, %v, want %q", got, err, tt.socket)
			}
		})
	}
}

func TestNoPlace(t *testing.T) {
	t.Parallel()
	for _, env := range []Env{{Getenv: environ()}, {Getenv: environ("HOME", "ann")}} {
		for what, find := range map[string]func(Env) (string, error){"StateDir": StateDir, "SocketPath": SocketPath} {
			got, err := find(env)
			if err == nil {
				t.Fatalf("%s = %q, want an error", what, got)
			}
			oneLine(t, err.Error(), "HOME", "EBB_STATE_DIR")
		}
	}
}

// After su or sudo, XDG_RUNTIME_DIR may name the folder of the user before.
func TestRuntimeFolderOfAnotherUserIsNotUsed(t *testing.T) {
	t.Parallel()
	needRoot(t)
	run := shortFolder(t)
	if err := os.Chown(run, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	got, err := SocketPath(Env{Getenv: environ("HOME", "/home/u", "XDG_RUNTIME_DIR", run)})
	if want := "/home/u/" + homeState + "/ebb.sock"; got != want || err != nil {
		t.Errorf("SocketPath = %q, %v, want %q", got, err, want)
	}
}

func TestLongStateFolderHasShortSocket(t *testing.T) {
	t.Parallel()
	run := shortFolder(t)
	long := "/" + strings.Repeat("long/", 30)
	seen := map[string]string{}
	for _, tt := range []struct {
		name   string
		env    Env
		folder string
	}{
		{"runtime folder", Env{Getenv: environ("EBB_STATE_DIR", long+"1", "XDG_RUNTIME_DIR", run)}, run + "/ebb"},
		{"another state folder", Env{Getenv: environ("EBB_STATE_DIR", long+"2", "XDG_RUNTIME_DIR", run)}, run + "/ebb"},
		{"no runtime folder", Env{Getenv: environ("EBB_STATE_DIR", long+"1")}, "/tmp/ebb-" + strconv.Itoa(os.Geteuid())},
		{"home", Env{Getenv: environ("HOME", long)}, "/tmp/ebb-" + strconv.Itoa(os.Geteuid())},
		{"system", Env{Getenv: environ("EBB_STATE_DIR", long+"1"), System: true}, systemRun},
	} {
		path, err := SocketPath(tt.env)
		if err != nil || filepath.Dir(path) != tt.folder || len(path) > maxPath {
			t.Errorf("%s: SocketPath = %q, %v, want a short one in %s", tt.name, path, err, tt.folder)
		}
		if other := seen[path]; other != "" {
			t.Errorf("%s and %s share %s", tt.name, other, path)
		}
		seen[path] = tt.name
		if again, _ := SocketPath(tt.env); again != path {
			t.Errorf("%s: first %s, then %s", tt.name, path, again)
		}
	}
}

// Two state folders never share a daemon.
func TestStateFoldersHaveTheirOwnDaemons(t *testing.T) {
	t.Parallel()
	root := shortFolder(t)
	for _, dir := range []string{"1", "2", strings.Repeat("3", 120), strings.Repeat("4", 120)} {
		path, err := SocketPath(Env{Getenv: environ("EBB_STATE_DIR", filepath.Join(root, dir), "XDG_RUNTIME_DIR", root)})
		if err != nil {
			t.Fatal(err)
		}
		mustListen(t, path, Listen)
	}
}
