package secret

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	keySize        = chacha20poly1305.KeySize
	keyName        = "key"     // in the state folder
	credentialName = "ebb.key" // in systemd's credentials folder
	maxKeyFile     = 4096      // bytes; DPAPI wraps the 32 of the key in some 250
)

// Open returns the box of the state folder dir, which must exist. Its key of 32 bytes is, in
// this order:
//
//   - the systemd credential "ebb.key" ($CREDENTIALS_DIRECTORY/ebb.key), so that it need not
//     be on the same disk (LoadCredentialEncrypted= in the unit);
//   - the file "key" in dir, made on the first use and protected by DPAPI on Windows. Two
//     processes that make it at the same time end up with the same key.
//
// A key file that others can read or replace is refused, never repaired: nobody knows who has
// read it already. Losing the key loses the sealed secrets and nothing else.
func Open(dir string) (*Box, error) {
	key, err := loadKey(dir, os.Getenv("CREDENTIALS_DIRECTORY"))
	if err != nil {
		return nil, err
	}
	defer Wipe(key)
	return newBox(key)
}

func loadKey(dir, credentials string) ([]byte, error) {
	if credentials != "" {
		key, err := readCredential(filepath.Join(credentials, credentialName))
		if !errors.Is(err, fs.ErrNotExist) {
			return key, err
		}
	}
	path := filepath.Join(dir, keyName)
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := makeKey(dir, path); err != nil {
		return nil, fmt.Errorf("cannot make the key file %s: %w", path, err)
	}
	return readKey(path)
}

// readCredential trusts the permissions of the file: systemd made it, in a folder for this
// service alone.
func readCredential(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot read the systemd credential: %w", err)
	case len(key) != keySize:
		n := len(key)
		Wipe(key)
		return nil, fmt.Errorf("the systemd credential %s has %d bytes instead of %d; make one with: head -c %d /dev/urandom | systemd-creds encrypt --name=%s - %s",
			path, n, keySize, keySize, credentialName, credentialName)
	}
	return key, nil
}

func readKey(path string) ([]byte, error) {
	f, err := openKey(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	blob := make([]byte, maxKeyFile+1)
	defer Wipe(blob)
	n, err := io.ReadFull(f, blob)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) { // blob has room for more than a key
		return nil, fmt.Errorf("cannot read the key file: %w", err)
	}
	key, err := unprotect(blob[:n])
	if err != nil {
		return nil, fmt.Errorf("cannot use the key file %s: %w", path, err)
	}
	if len(key) != keySize {
		n := len(key)
		Wipe(key)
		return nil, fmt.Errorf("the key file %s has %d bytes instead of %d; restore it from a backup, or delete it and set all credentials again",
			path, n, keySize)
	}
	return key, nil
}

// openKey opens the key file if nobody else can have read or replaced it.
func openKey(path string) (*os.File, error) {
	seen, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("cannot look at the key file: %w", err)
	}
	if !seen.Mode().IsRegular() {
		return nil, fmt.Errorf("the key file %s is a %s; replace it by the file itself", path, kind(seen.Mode()))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot open the key file: %w", err)
	}
	opened, err := f.Stat()
	if err == nil && !os.SameFile(seen, opened) {
		err = fmt.Errorf("the key file %s was replaced while it was opened; see who may write to its folder", path)
	}
	if err == nil {
		err = checkPrivate(path, opened)
	}
	if err != nil {
		f.Close() //nolint:errcheck // nothing was written
		return nil, err
	}
	return f, nil
}

func kind(m fs.FileMode) string {
	switch {
	case m&fs.ModeSymlink != 0:
		return "symbolic link"
	case m.IsDir():
		return "folder"
	}
	return "special file"
}

// makeKey puts a new key at path unless there is one. The file appears there whole, by a link,
// which fails when the name is taken: a reader never sees half a key, a crash never leaves one
// and of two writers one wins.
func makeKey(dir, path string) error {
	key := make([]byte, keySize)
	defer Wipe(key)
	if _, err := rand.Read(key); err != nil {
		return err
	}
	blob, err := protect(key)
	if err != nil {
		return err
	}
	defer Wipe(blob)
	draft := filepath.Join(dir, "."+keyName+"-"+rand.Text())
	defer os.Remove(draft) //nolint:errcheck // what stays after a crash is unused, or the key itself
	if err := writeSynced(draft, blob); err != nil {
		return err
	}
	if err := os.Link(draft, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

func writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
