package sink

import (
	"syscall"

	"golang.org/x/sys/windows"

	"github.com/ebb-transfer/ebb/job"
)

// causes is where Windows error codes become errors of a job.
var causes = map[syscall.Errno]cause{
	windows.ERROR_DISK_FULL:           {job.DiskFull, job.NeedsAction, "the disk is full; free some space, then try again"},
	windows.ERROR_HANDLE_DISK_FULL:    {job.DiskFull, job.NeedsAction, "the disk is full; free some space, then try again"},
	windows.ERROR_DISK_QUOTA_EXCEEDED: {job.DiskFull, job.NeedsAction, "the disk quota is used up; free some space or raise the quota, then try again"},
	windows.ERROR_WRITE_PROTECT:       {job.WriteProtect, job.NeedsAction, "the disk is write-protected; remove the protection, then try again"},
	windows.ERROR_ACCESS_DENIED:       {job.AccessDenied, job.NeedsAction, "access is denied; allow writing to its folder, then try again"},
	windows.ERROR_PRIVILEGE_NOT_HELD:  {job.AccessDenied, job.NeedsAction, "access is denied; allow writing to its folder, then try again"},

	windows.ERROR_FILE_NOT_FOUND: {job.PathNotFound, job.NeedsAction, "its folder does not exist; create it, then try again"},
	windows.ERROR_PATH_NOT_FOUND: {job.PathNotFound, job.NeedsAction, "its folder does not exist; create it, then try again"},
	windows.ERROR_INVALID_DRIVE:  {job.PathNotFound, job.NeedsAction, "the drive does not exist; connect it, then try again"},
	windows.ERROR_NOT_READY:      {job.PathNotFound, job.NeedsAction, "the drive is not ready; connect it, then try again"},
	windows.ERROR_DEV_NOT_EXIST:  {job.PathNotFound, job.NeedsAction, "the drive is gone; connect it again, then try again"},
	windows.ERROR_DIRECTORY:      {job.PathNotFound, job.NeedsAction, "a part of its path is not a folder; correct the path or create the folder, then try again"},
	windows.ERROR_FILE_EXISTS:    {job.FileExists, job.NeedsAction, "it exists already; rename it, or allow it to be overwritten"},
	windows.ERROR_ALREADY_EXISTS: {job.FileExists, job.NeedsAction, "it exists already; rename it, or allow it to be overwritten"},

	windows.ERROR_FILENAME_EXCED_RANGE: {job.NameTooLong, job.NeedsAction, "the name is too long; choose a shorter one"},
	windows.ERROR_INVALID_NAME:         {job.BadName, job.NeedsAction, "Windows does not accept this name; choose another one"},
	windows.ERROR_BAD_PATHNAME:         {job.BadName, job.NeedsAction, "Windows does not accept this name; choose another one"},

	windows.ERROR_IO_DEVICE:      {job.WriteFault, job.Fatal, "the disk reported an error; check the disk before trying again"},
	windows.ERROR_CRC:            {job.WriteFault, job.Fatal, "the disk reported an error; check the disk before trying again"},
	windows.ERROR_WRITE_FAULT:    {job.WriteFault, job.Fatal, "the disk reported an error; check the disk before trying again"},
	windows.ERROR_READ_FAULT:     {job.WriteFault, job.Fatal, "the disk reported an error; check the disk before trying again"},
	windows.ERROR_FILE_TOO_LARGE: {job.TooLarge, job.Fatal, "the file is too large for the file system; choose a folder on another one"},

	windows.ERROR_TOO_MANY_OPEN_FILES: {job.Unexpected, job.Transient, "too many files are open in ebb; it is tried again"},
	windows.ERROR_NO_SYSTEM_RESOURCES: {job.Unexpected, job.Transient, "the system is out of resources; it is tried again"},
	windows.ERROR_SHARING_VIOLATION:   {job.DestinationLocked, job.Transient, "another program has it open; close it there if this lasts"},
	windows.ERROR_LOCK_VIOLATION:      {job.DestinationLocked, job.Transient, "another program has it locked; close it there if this lasts"},
	windows.ERROR_UNEXP_NET_ERR:       {job.NetworkDisconnected, job.Transient, "the network folder does not answer; it is tried again"},
	windows.ERROR_NETNAME_DELETED:     {job.NetworkDisconnected, job.Transient, "the network folder does not answer; it is tried again"},
}
