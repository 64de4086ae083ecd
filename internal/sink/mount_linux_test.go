package sink_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

// cannot ends a test that this machine has not the rights for. On the build machine that
// is a failure, or nobody would notice.
func cannot(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("EBB_REQUIRE_ROOT_TESTS") != "" || os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// mount mounts a file system for this test alone: in a mount namespace of the thread it
// runs on, which is never used again and takes the mounts with it.
func mount(t *testing.T, source, kind string, flags uintptr, options string) (folder string) {
	t.Helper()
	if os.Geteuid() != 0 {
		cannot(t, "only root can mount a file system")
	}
	folder = t.TempDir()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		cannot(t, "no mount namespace: %v", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(source, folder, kind, flags, options); err != nil {
		cannot(t, "mount %s: %v", kind, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return folder
}

func free(t *testing.T, folder string) int64 {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(folder, &st); err != nil {
		t.Fatal(err)
	}
	return int64(st.Bfree * uint64(st.Bsize))
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	folder := mount(t, "tmpfs", "tmpfs", 0, "size=1m")
	s, to, b := newSink(thisBoot), target(folder, "file"), content(2<<20)
	before := free(t, folder)
	p := open(t, s, to, nil, "")
	wantError(t, p.Expect(2<<20), job.DiskFull, job.NeedsAction, "free some space")
	if after := free(t, folder); after < before-16<<10 {
		t.Errorf("a size that does not fit keeps %d bytes taken", before-after)
	}
	n, err := p.WriteAt(b, 0)
	wantError(t, err, job.DiskFull, job.NeedsAction, "free some space")
	if n < 1<<19 || n > 1<<20 || p.Filled().Len() != int64(n) {
		t.Errorf("%d bytes written to a disk of 1 MiB, filled %v", n, p.Filled())
	}
	have, err := p.Checkpoint()
	if err != nil || have.Len() != int64(n) {
		t.Errorf("Checkpoint = %v, %v: what is there stays", have, err)
	}

	// The owner makes room, and it goes on where it was.
	if err := unix.Mount("", folder, "", unix.MS_REMOUNT, "size=4m"); err != nil {
		t.Fatal(err)
	}
	_ = p.Close()
	p = open(t, s, to, have, thisBoot)
	if p.Filled().Len() != int64(n) {
		t.Errorf("filled %v after the disk was full, want %d bytes", p.Filled(), n)
	}
	if err := p.Expect(2 << 20); err != nil {
		t.Fatal(err)
	}
	if taken := before - free(t, folder) + 3<<20; taken < 2<<20 {
		t.Errorf("only %d bytes taken for a file of 2 MiB", taken)
	}
	write(t, p, b[n:], int64(n))
	wantFile(t, partName(to, ".part"), b)
}

func TestReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	folder := mount(t, "tmpfs", "tmpfs", 0, "size=1m")
	s, to := newSink(thisBoot), target(folder, "file")
	ready(t, s, to, content(10))
	if err := unix.Mount("", folder, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	wantError(t, s.Check(to), job.WriteProtect, job.NeedsAction, "read-only")
	_, err := s.Open(to, job.Prefix(10), thisBoot, 10)
	wantError(t, err, job.WriteProtect, job.NeedsAction, "read-only")
	_, err = s.Open(target(folder, "new"), nil, "", 10)
	wantError(t, err, job.WriteProtect, job.NeedsAction, "read-only")
	file := sink.PublishFile{Target: to, Size: 10, Done: true}
	_, err = s.Publish(t.Context(), []sink.PublishFile{file})
	wantError(t, err, job.WriteProtect, job.NeedsAction, "read-only")
	if left, err := s.Discard(t.Context(), []sink.Target{to}); left != job.UnableToDeleteFiles || err != nil {
		t.Errorf("Discard = %v, %v", left, err)
	}
	if err := unix.Mount("", folder, "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	publish(t, s, file)
	wantFile(t, to.Local, content(10))
}

// A user without rights is a thread without them: Linux keeps them for each thread.
func TestPermissionDenied(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		cannot(t, "only root can become another user")
	}
	folder := t.TempDir()
	if err := os.Chmod(filepath.Dir(folder), 0o755); err != nil {
		t.Fatal(err)
	}
	s, to := newSink(thisBoot), target(folder, "file")
	ready(t, s, to, content(10))
	runtime.LockOSThread() // for good: the thread ends with the test
	const nobody = 65534
	if err := unix.Setfsuid(nobody); err != nil {
		cannot(t, "cannot become another user: %v", err)
	}
	check := s.Check(to)
	_, errOpen := s.Open(to, job.Prefix(10), thisBoot, 10)
	_, errCreate := s.Open(target(folder, "new"), nil, "", 10)
	_, errPublish := s.Publish(t.Context(), []sink.PublishFile{{Target: to, Size: 10, Done: true}})
	left, errDiscard := s.Discard(t.Context(), []sink.Target{to})
	if err := unix.Setfsuid(0); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{check, errOpen, errCreate, errPublish} {
		wantError(t, err, job.AccessDenied, job.NeedsAction, "permission denied")
	}
	if left != job.UnableToDeleteFiles || errDiscard != nil {
		t.Errorf("Discard = %v, %v", left, errDiscard)
	}
	publish(t, s, sink.PublishFile{Target: to, Size: 10, Done: true})
}

// brokenDisk mounts an ext4 of 64 MiB on a disk that takes less than 8 MiB and reports an
// I/O error for the rest, as a thin volume does whose pool is full.
func brokenDisk(t *testing.T) (folder string) {
	t.Helper()
	image := filepath.Join(mount(t, "tmpfs", "tmpfs", 0, "size=8m"), "image")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(64 << 20); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-F", "-O", "^has_journal", image).CombinedOutput(); err != nil {
		cannot(t, "mkfs.ext4: %v: %s", err, out)
	}
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		cannot(t, "no loop devices: %v", err)
	}
	defer control.Close()
	n, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		cannot(t, "no loop device is free: %v", err)
	}
	name := "/dev/loop" + strconv.Itoa(n)
	loop, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		cannot(t, "%v", err)
	}
	t.Cleanup(func() { _ = loop.Close() }) // frees the device, see LO_FLAGS_AUTOCLEAR
	config := unix.LoopConfig{Fd: uint32(f.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
	if err := unix.IoctlLoopConfigure(int(loop.Fd()), &config); err != nil {
		cannot(t, "loop device: %v", err)
	}
	folder = mount(t, name, "ext4", 0, "errors=continue")
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestADiskThatLosesWrites(t *testing.T) {
	t.Parallel()
	folder := brokenDisk(t)
	s, to, b := newSink(thisBoot), target(folder, "file"), content(32<<20)
	p := open(t, s, to, nil, "")
	write(t, p, b[:1<<20], 0)
	have, err := p.Checkpoint()
	if err != nil || have.Len() != 1<<20 {
		t.Fatalf("Checkpoint = %v, %v before the disk broke", have, err)
	}
	write(t, p, b[1<<20:], 1<<20) // into the page cache, which is patient
	have, err = p.Checkpoint()
	if err == nil {
		t.Fatal("32 MiB fit a disk of 8 MiB")
	}
	var classed *job.Error
	if !errors.As(err, &classed) || classed.Code != job.WriteFault && classed.Code != job.DiskFull {
		t.Errorf("Checkpoint: %v", err)
	}
	if have.String() != "0-1048575" || p.Filled().String() != "0-1048575" {
		t.Errorf("durable %v, filled %v, want the first MiB", have, p.Filled())
	}
	if _, again := p.Checkpoint(); again == nil {
		t.Error("the second sync of what was lost succeeds, as the kernel's does")
	}
	_ = p.Close()
	wantFilled(t, open(t, s, to, have, thisBoot), "0-1048575")
}

func TestADiskThatLosesWritesOfSomeOfManyFiles(t *testing.T) {
	t.Parallel()
	folder := brokenDisk(t)
	s := newSink(thisBoot)
	start := func(id job.FileID, b []byte) *sink.Partial {
		p := open(t, s, sink.Target{Job: jobA, File: id, Local: filepath.Join(folder, "file"+strconv.Itoa(int(id)))}, nil, "")
		write(t, p, b, 0)
		return p
	}
	var ps []*sink.Partial
	for id := range job.FileID(8) {
		ps = append(ps, start(id+1, content(16<<10)))
	}
	if err := s.Sync(ps); err != nil {
		t.Fatalf("Sync of 8 small files: %v", err)
	}
	for id := range job.FileID(8) {
		ps = append(ps, start(id+9, content(4<<20)))
	}
	if err := s.Sync(ps); err == nil {
		t.Error("32 MiB fit a disk of 8 MiB")
	}
	for i, p := range ps[:8] {
		if have, err := p.Checkpoint(); err != nil || have.Len() != 16<<10 {
			t.Errorf("file %d was durable before, now %v, %v", i+1, have, err)
		}
	}
	if n := failed(ps); n == 0 {
		t.Error("no file knows that its bytes were lost")
	}
}

// The kernel tells of a lost write once for each open file. When somebody else heard of it
// before the first of a group was opened, syncfs succeeds.
func TestALostWriteThatSomebodyElseHeardOf(t *testing.T) {
	t.Parallel()
	folder := brokenDisk(t)
	s := newSink(thisBoot)
	var ps []*sink.Partial
	for id := range job.FileID(8) {
		p := open(t, s, sink.Target{Job: jobA, File: id + 1, Local: filepath.Join(folder, "file")}, nil, "")
		write(t, p, content(4<<20), 0)
		ps = append(ps, p)
	}
	other, err := os.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if unix.Syncfs(int(other.Fd())) == nil {
		t.Fatal("32 MiB fit a disk of 8 MiB")
	}
	late := open(t, s, sink.Target{Job: jobA, File: 9, Local: filepath.Join(folder, "file")}, nil, "")
	if err := s.Sync(append([]*sink.Partial{late}, ps...)); err == nil || failed(ps) == 0 {
		t.Errorf("Sync: %v, and %d files know that their bytes were lost", err, failed(ps))
	}
}

func failed(ps []*sink.Partial) (n int) {
	for _, p := range ps {
		if _, err := p.Checkpoint(); err != nil {
			n++
		}
	}
	return n
}

// What syncfs leaves in the cache of a disk is not durable.
func TestOnlySomeFileSystemsAreSyncedAsAWhole(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string][]sink.Change{
		"tmpfs": {sink.SyncFileSystem},
		"ramfs": {sink.SyncFileSystem, sink.SyncFile, sink.SyncFile, sink.SyncFile, sink.SyncFile, sink.SyncFolder},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			folder := mount(t, kind, kind, 0, "")
			var got []sink.Change
			s := sink.New(sink.Config{Intercept: func(c sink.Change, _ string, do func() error) error {
				if c == sink.SyncFile || c == sink.SyncFolder || c == sink.SyncFileSystem {
					got = append(got, c)
				}
				return do()
			}})
			var ps []*sink.Partial
			for id := range job.FileID(4) {
				p := open(t, s, sink.Target{Job: jobA, File: id + 1, Local: filepath.Join(folder, "file")}, nil, "")
				write(t, p, content(10), 0)
				ps = append(ps, p)
			}
			if err := s.Sync(ps); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("syncs (-want +got):\n%s", d)
			}
		})
	}
}

// tmpfs gives back by itself what does not fit; ext4 fills the disk.
func TestASizeThatDoesNotFitTakesNoRoom(t *testing.T) {
	t.Parallel()
	folder := brokenDisk(t)
	p := open(t, newSink(thisBoot), target(folder, "file"), nil, "")
	write(t, p, content(1000), 0)
	before := free(t, folder)
	wantError(t, p.Expect(100<<20), job.DiskFull, job.NeedsAction, "free some space")
	if after := free(t, folder); after < before-16<<10 {
		t.Errorf("it keeps %d bytes taken", before-after)
	}
	wantFilled(t, p, "0-999")
}
