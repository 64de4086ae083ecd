//go:build unix

package sink

import (
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/job"
)

// causes is where errno values become errors of a job.
var causes = map[syscall.Errno]cause{
	unix.ENOSPC: {job.DiskFull, job.NeedsAction, "the disk is full; free some space, then try again"},
	unix.EDQUOT: {job.DiskFull, job.NeedsAction, "the disk quota is used up; free some space or raise the quota, then try again"},
	unix.EROFS:  {job.WriteProtect, job.NeedsAction, "the file system is read-only; mount it writable, then try again"},
	unix.EACCES: {job.AccessDenied, job.NeedsAction, "permission denied; allow writing to its folder, then try again"},
	unix.EPERM:  {job.AccessDenied, job.NeedsAction, "operation not permitted; allow writing to its folder, then try again"},

	unix.ENOENT:  {job.PathNotFound, job.NeedsAction, "its folder does not exist; create it, then try again"},
	unix.ENOTDIR: {job.PathNotFound, job.NeedsAction, "a part of its path is not a folder; correct the path or create the folder, then try again"},
	unix.EISDIR:  {job.IsDirectory, job.NeedsAction, "a folder has this name; move it away, then try again"},
	unix.EEXIST:  {job.FileExists, job.NeedsAction, "it exists already; rename it, or allow it to be overwritten"},
	unix.ELOOP:   {job.BadName, job.NeedsAction, "a symbolic link stands in the way; remove it, then try again"},
	unix.ENXIO:   {job.PathNotFound, job.NeedsAction, "the device is gone; connect it again, then try again"},
	unix.ENODEV:  {job.PathNotFound, job.NeedsAction, "the device is gone; connect it again, then try again"},

	unix.ENAMETOOLONG: {job.NameTooLong, job.NeedsAction, "the name is too long for the file system; choose a shorter one"},
	unix.EINVAL:       {job.BadName, job.NeedsAction, "the file system does not accept this name; choose another one"},
	unix.EILSEQ:       {job.BadName, job.NeedsAction, "the file system does not accept this name; choose another one"},

	unix.EIO:   {job.WriteFault, job.Fatal, "the disk reported an error; check the disk before trying again"},
	unix.EFBIG: {job.TooLarge, job.Fatal, "the file is too large for the file system or the limit of the process; choose a folder on another file system"},

	unix.EMFILE:    {job.Unexpected, job.Transient, "too many files are open in ebb; raise its limit of open files if this lasts"},
	unix.ENFILE:    {job.Unexpected, job.Transient, "too many files are open in the system; raise its limit if this lasts"},
	unix.ENOMEM:    {job.Unexpected, job.Transient, "the system is out of memory; it is tried again"},
	unix.EBUSY:     {job.DestinationLocked, job.Transient, "the file is in use; it is tried again"},
	unix.ETXTBSY:   {job.DestinationLocked, job.Transient, "the file is being run; it is tried again"},
	unix.EINTR:     {job.Unexpected, job.Transient, "the operation was interrupted; it is tried again"},
	unix.ESTALE:    {job.VolumeChanged, job.Transient, "the network folder was replaced by its server; mount it again if this lasts"},
	unix.ETIMEDOUT: {job.Timeout, job.Transient, "the network folder does not answer; it is tried again"},
}
