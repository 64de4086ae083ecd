//go:build unix

package secret

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestKeyFileThatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	chmod := func(mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			write(t, path, string(testKey))
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name  string
		setup func(t *testing.T, path string)
		want  string
	}{
		{"readable by the group", chmod(0o640), "chmod 600 "},
		{"readable by all", chmod(0o604), "chmod 600 "},
		{"writable by all", chmod(0o602), "chmod 600 "},
		{"someone else's", func(t *testing.T, path string) {
			if os.Geteuid() != 0 {
				t.Skip("only root can give a file away")
			}
			write(t, path, string(testKey))
			if err := os.Chown(path, 12345, -1); err != nil {
				t.Fatal(err)
			}
		}, "belongs to user 12345"},
		{"symbolic link", func(t *testing.T, path string) {
			write(t, path+".real", string(testKey))
			if err := os.Symlink(path+".real", path); err != nil {
				t.Fatal(err)
			}
		}, "symbolic link"},
		{"dangling link", func(t *testing.T, path string) {
			if err := os.Symlink(path+".none", path); err != nil {
				t.Fatal(err)
			}
		}, "symbolic link"},
		{"folder", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "folder"},
		{"pipe", func(t *testing.T, path string) {
			if err := syscall.Mkfifo(path, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "special file"},
		{"empty", func(t *testing.T, path string) { write(t, path, "") }, "0 bytes instead of 32"},
		{"short", func(t *testing.T, path string) { write(t, path, "short") }, "5 bytes instead of 32"},
		{"long", func(t *testing.T, path string) { write(t, path, strings.Repeat("x", 1<<20)) }, "bytes instead of 32"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, keyName)
			tt.setup(t, path)
			before := list(t, dir)
			_, err := loadKey(dir, "")
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want one with %q and the path", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), string(testKey)) {
				t.Errorf("the error tells the key: %v", err)
			}
			if after := list(t, dir); strings.Join(after, " ") != strings.Join(before, " ") {
				t.Errorf("the folder was changed: %q, then %q", before, after)
			}
		})
	}
}

func TestKeyFileIsPrivate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := loadKey(dir, ""); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(filepath.Join(dir, keyName))
	if err != nil || info.Mode() != 0o600 || info.Size() != keySize {
		t.Errorf("key file: %v, %v; want mode 0600 and %d bytes", info, err, keySize)
	}
}
