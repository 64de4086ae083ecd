package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"unsafe"

	"golang.org/x/sys/windows"
)

// checkPrivate leaves it to DPAPI: what is in the file is of use to this user alone, and the
// state folder's access list is inherited from the profile.
func checkPrivate(string, fs.FileInfo) error { return nil }

// protect wraps the key so that only this user on this machine can unwrap it. The system
// service runs as a user of its own, so nobody else's programs can.
func protect(key []byte) ([]byte, error) {
	var out windows.DataBlob
	if err := windows.CryptProtectData(blobOf(key), nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, fmt.Errorf("DPAPI cannot protect the key: %w", err)
	}
	return take(out), nil
}

func unprotect(blob []byte) ([]byte, error) {
	if len(blob) == 0 {
		return nil, errors.New("it is empty; restore it from a backup, or delete it and set all credentials again")
	}
	var out windows.DataBlob
	if err := windows.CryptUnprotectData(blobOf(blob), nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, fmt.Errorf("DPAPI does not open it; it was made by another user or on another machine: %w", err)
	}
	return take(out), nil
}

func blobOf(b []byte) *windows.DataBlob {
	return &windows.DataBlob{Size: uint32(len(b)), Data: unsafe.SliceData(b)}
}

// take copies what Windows allocated, and wipes and frees the original.
func take(out windows.DataBlob) []byte {
	original := unsafe.Slice(out.Data, out.Size)
	b := append([]byte(nil), original...)
	Wipe(original)
	windows.LocalFree(windows.Handle(unsafe.Pointer(out.Data))) //nolint:errcheck // nothing can be done about it
	return b
}

// syncDir has nothing to do: NTFS journals the names of a folder.
func syncDir(string) error { return nil }
