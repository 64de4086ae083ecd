//go:build unix

package ipc

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestHostileFolder(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(t *testing.T, dir string) error
		want string
		root bool
	}{
		{name: "symbolic link", want: "symbolic link", make: func(t *testing.T, dir string) error {
			return os.Symlink(shortFolder(t), dir)
		}},
		{name: "dangling link", want: "symbolic link", make: func(_ *testing.T, dir string) error {
			return os.Symlink(dir+"-gone", dir)
		}},
		{name: "file", want: "not a folder", make: func(_ *testing.T, dir string) error {
			return os.WriteFile(dir, nil, 0o600)
		}},
		{name: "group can write", want: "written by others (mode 0770)", make: func(_ *testing.T, dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o770))
		}},
		{name: "all can write", want: "written by others (mode 0777)", make: func(_ *testing.T, dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777|fs.ModeSticky))
		}},
		{name: "another user's", want: "belongs to uid:65534", root: true, make: func(_ *testing.T, dir string) error {
			return errors.Join(os.Mkdir(dir, 0o700), os.Chown(dir, nobody, nobody))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.root {
				needRoot(t)
			}
			dir := filepath.Join(shortFolder(t), "ebb")
			if err := tt.make(t, dir); err != nil {
				t.Fatal(err)
			}
			for _, listen := range []func(string) (net.Listener, error){Listen, ListenSystem} {
				_, err := listen(filepath.Join(dir, "ebb.sock"))
				if !errors.Is(err, ErrUntrusted) {
					t.Fatalf("Listen = %v, want ErrUntrusted", err)
				}
				oneLine(t, err.Error(), dir, tt.want, "EBB_SOCKET")
			}
		})
	}
}

// A daemon of somebody else counts only where nobody but an administrator can have put it.
func TestDialRefusesDaemonsAnybodyCouldHavePlaced(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, tt := range []struct {
		name   string
		parent fs.FileMode
		trust  bool
	}{
		{"in a folder of root's", 0o755, true},
		{"in a folder like /tmp", 0o777 | fs.ModeSticky, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			parent := openFolder(t)
			dir := filepath.Join(parent, "ebb")
			path := filepath.Join(dir, "ebb.sock")
			err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, nobody, nobody), os.Chmod(parent, tt.parent))
			if err != nil {
				t.Fatal(err)
			}
			if daemon := start(t, nobody, "listen-system", path); daemon.Error != "" {
				t.Fatal(daemon.Error)
			}
			conn, err := Dial(t.Context(), path)
			if err == nil {
				_ = conn.Close()
			}
			if tt.trust && err != nil {
				t.Errorf("Dial = %v, want a connection", err)
			}
			if !tt.trust && !errors.Is(err, ErrUntrusted) {
				t.Errorf("Dial = %v, want ErrUntrusted", err)
			}
			if err != nil {
				oneLine(t, err.Error(), "uid:65534", parent, "EBB_SOCKET")
			}
		})
	}
}
