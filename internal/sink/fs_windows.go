package sink

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// BootID names the time since the system came up: another value means that the page cache
// was lost. It is "" where the system does not tell, as here.
func BootID() string { return "" }

// umask is nothing that Windows has: a file inherits the rights of its folder.
func umask() fs.FileMode { return 0 }

// createFile makes a new, hidden partial file.
func createFile(name string) (*os.File, error) {
	return open("create", name, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.CREATE_NEW)
}

func openFile(name string) (*os.File, error) {
	return open("open", name, windows.GENERIC_READ|windows.GENERIC_WRITE, windows.OPEN_EXISTING)
}

// open opens a file so that it can be renamed while it is open, and follows no link.
func open(op, name string, access, disposition uint32) (*os.File, error) {
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	const flags = windows.FILE_ATTRIBUTE_HIDDEN | windows.FILE_FLAG_OPEN_REPARSE_POINT
	path, err := extended(name)
	if err != nil {
		return nil, &os.PathError{Op: op, Path: name, Err: err}
	}
	h, err := windows.CreateFile(path, access, share, nil, disposition, flags, 0)
	if err != nil {
		return nil, &os.PathError{Op: op, Path: name, Err: err}
	}
	return os.NewFile(uintptr(h), name), nil
}

func writeAt(f *os.File, b []byte, off int64) (int, error) { return f.WriteAt(b, off) }

// extended returns an absolute name in the form that has no limit of 260 characters.
func extended(name string) (*uint16, error) {
	name = filepath.Clean(name)
	switch {
	case strings.HasPrefix(name, `\\?\`), strings.HasPrefix(name, `\\.\`):
	case strings.HasPrefix(name, `\\`):
		name = `\\?\UNC\` + name[2:]
	default:
		name = `\\?\` + name
	}
	return windows.UTF16PtrFromString(name)
}

// An identity is what tells a file from others.
type identity struct {
	regular bool
	size    int64
	links   uint64 // names that the file has
	volume  uint64 // the file system that it is on
}

func identify(f *os.File) (identity, error) {
	var info windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &info); err != nil {
		return identity{}, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	const other = windows.FILE_ATTRIBUTE_DIRECTORY | windows.FILE_ATTRIBUTE_REPARSE_POINT | windows.FILE_ATTRIBUTE_DEVICE
	return identity{
		regular: info.FileAttributes&other == 0,
		size:    int64(info.FileSizeHigh)<<32 | int64(info.FileSizeLow),
		links:   uint64(info.NumberOfLinks),
		volume:  uint64(info.VolumeSerialNumber),
	}, nil
}

// writable reports whether files may be created in a folder.
func writable(folder string) error {
	const addFile = windows.FILE_WRITE_DATA // FILE_ADD_FILE, for a folder
	const share = windows.FILE_SHARE_READ | windows.FILE_SHARE_WRITE | windows.FILE_SHARE_DELETE
	path, err := extended(folder)
	if err != nil {
		return err
	}
	h, err := windows.CreateFile(path, addFile, share, nil, windows.OPEN_EXISTING, windows.FILE_FLAG_BACKUP_SEMANTICS, 0)
	if err != nil {
		return err
	}
	return windows.CloseHandle(h)
}

// basicInfo is FILE_BASIC_INFO. Times are in 100 ns since 1601; 0 leaves one as it is.
type basicInfo struct {
	creation, access, write, change int64
	attributes                      uint32
	_                               uint32
}

// stamp makes f visible and gives it the modification time, which is its creation
// time, too, as in BITS.
func stamp(f *os.File, _ string, _ fs.FileMode, modified time.Time) error {
	info := basicInfo{attributes: windows.FILE_ATTRIBUTE_NORMAL}
	if !modified.IsZero() {
		ft := windows.NsecToFiletime(modified.UnixNano())
		info.write = int64(ft.HighDateTime)<<32 | int64(ft.LowDateTime)
		info.creation = info.write
	}
	return setInformation(f, windows.FileBasicInfo, unsafe.Pointer(&info), unsafe.Sizeof(info))
}

// preallocate takes room for size bytes. The length of the file stays what it is, for
// that is what proves how much is written.
func preallocate(f *os.File, size int64) error {
	err := setInformation(f, windows.FileAllocationInfo, unsafe.Pointer(&size), unsafe.Sizeof(size))
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, windows.ERROR_INVALID_PARAMETER) {
		return nil
	}
	return err
}

// allowHoles keeps NTFS from writing zeros wherever a write leaves a gap. Other file systems refuse, and write them.
func allowHoles(f *os.File) {
	var returned uint32
	_ = windows.DeviceIoControl(windows.Handle(f.Fd()), windows.FSCTL_SET_SPARSE, nil, 0, nil, 0, &returned, nil)
}

func setInformation(f *os.File, class uint32, p unsafe.Pointer, size uintptr) error {
	return windows.SetFileInformationByHandle(windows.Handle(f.Fd()), class, (*byte)(p), uint32(size))
}

func syncFile(f *os.File) error { return f.Sync() }

// syncFileSystem needs an administrator.
func syncFileSystem(*os.File) error { return errors.ErrUnsupported }

func lostWrite(*os.File) error { return nil }

// syncFolder has nothing to do: NTFS journals names, and renames are written through.
func syncFolder(string) error { return nil }

// renameNew gives a file its final name if that is free.
func renameNew(from, to string) error { return move(from, to, windows.MOVEFILE_WRITE_THROUGH) }

// renameOver gives a file its final name, whatever has it now.
func renameOver(from, to string) error {
	return move(from, to, windows.MOVEFILE_WRITE_THROUGH|windows.MOVEFILE_REPLACE_EXISTING)
}

func move(from, to string, flags uint32) error {
	source, err := extended(from)
	if err != nil {
		return err
	}
	target, err := extended(to)
	if err != nil {
		return err
	}
	return windows.MoveFileEx(source, target, flags)
}
