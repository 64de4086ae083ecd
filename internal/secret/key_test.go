package secret

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestKeyIsMadeOnceAndKept(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	dir := t.TempDir()
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	sealed := seal(t, first, "secret")
	second, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := second.Open(jobA, "credentials/server/basic", sealed); err != nil || string(got) != "secret" {
		t.Errorf("the key did not survive: Open = %q, %v", got, err)
	}
	if names := list(t, dir); len(names) != 1 || names[0] != keyName {
		t.Errorf("the folder holds %q, want only the key", names)
	}
}

func TestRacingProcessesUseOneKey(t *testing.T) {
	t.Parallel()
	for range 20 {
		dir := t.TempDir()
		keys := make([][]byte, 16)
		start := make(chan struct{})
		var wg sync.WaitGroup
		for i := range keys {
			wg.Go(func() {
				<-start
				key, err := loadKey(dir, "")
				if err != nil {
					t.Error(err)
				}
				keys[i] = key
			})
		}
		close(start)
		wg.Wait()
		for _, key := range keys {
			if len(key) != keySize || !bytes.Equal(key, keys[0]) {
				t.Fatalf("two keys: %x and %x", key, keys[0])
			}
		}
		if names := list(t, dir); len(names) != 1 {
			t.Fatalf("the folder holds %q, want only the key", names)
		}
	}
}

func TestKeyFromSystemd(t *testing.T) {
	dir, credentials := t.TempDir(), t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", credentials)
	write(t, filepath.Join(dir, keyName), "what the file holds does not count")
	path := filepath.Join(credentials, credentialName)
	write(t, path, string(testKey))
	b, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Open(jobA, "credentials/server/basic", seal(t, testBox(t), "x")); err != nil {
		t.Errorf("the credential is not the key: %v", err)
	}

	write(t, path, string(testKey)+"\n")
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "33 bytes instead of 32") {
		t.Errorf("credential with a newline: error %v, want one with its length", err)
	}
}

// A service may have credentials for other purposes.
func TestFolderOfCredentialsWithoutOurs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := loadKey(dir, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if names := list(t, dir); len(names) != 1 || names[0] != keyName {
		t.Errorf("the folder holds %q, want the key file", names)
	}
}

func TestFolderThatIsNotThere(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none")
	if _, err := loadKey(path, ""); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("error %v, want one with the path", err)
	}
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func write(t *testing.T, path, data string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
}
