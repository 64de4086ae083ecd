//go:build unix

package sink_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

func TestErrorNumbers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		err   error
		code  job.Code
		class job.Class
		text  string
	}{
		{unix.ENOSPC, job.DiskFull, job.NeedsAction, "free some space"},
		{unix.EDQUOT, job.DiskFull, job.NeedsAction, "quota"},
		{unix.EROFS, job.WriteProtect, job.NeedsAction, "read-only"},
		{unix.EACCES, job.AccessDenied, job.NeedsAction, "permission denied"},
		{unix.EPERM, job.AccessDenied, job.NeedsAction, "not permitted"},
		{unix.ENOTDIR, job.PathNotFound, job.NeedsAction, "not a folder"},
		{unix.EISDIR, job.IsDirectory, job.NeedsAction, "a folder has this name"},
		{unix.EEXIST, job.FileExists, job.NeedsAction, "exists already"},
		{unix.ELOOP, job.BadName, job.NeedsAction, "symbolic link"},
		{unix.ENAMETOOLONG, job.NameTooLong, job.NeedsAction, "too long"},
		{unix.EINVAL, job.BadName, job.NeedsAction, "does not accept this name"},
		{unix.EILSEQ, job.BadName, job.NeedsAction, "does not accept this name"},
		{unix.EIO, job.WriteFault, job.Fatal, "disk reported an error"},
		{unix.EFBIG, job.TooLarge, job.Fatal, "too large"},
		{unix.EMFILE, job.Unexpected, job.Transient, "too many files"},
		{unix.ENFILE, job.Unexpected, job.Transient, "too many files"},
		{unix.ESTALE, job.VolumeChanged, job.Transient, "network folder"},
		{unix.EBUSY, job.DestinationLocked, job.Transient, "in use"},
		{unix.ENODEV, job.PathNotFound, job.NeedsAction, "device is gone"},
		{unix.ENOTTY, job.Unexpected, job.Transient, "inappropriate ioctl"},
		{errors.New("strange"), job.Unexpected, job.Transient, "strange"},
	}
	for _, tt := range tests {
		t.Run(tt.err.Error(), func(t *testing.T) {
			t.Parallel()
			s := sink.New(sink.Config{Instance: "test", Intercept: func(_ sink.Change, name string, _ func() error) error {
				return &os.PathError{Op: "x", Path: name, Err: tt.err}
			}})
			to := target(t.TempDir(), "file")
			_, err := s.Open(to, nil, "", job.UnknownSize)
			wantError(t, err, tt.code, tt.class, tt.text)
			if !errors.Is(err, tt.err) || !strings.Contains(err.Error(), to.Local) || strings.Contains(err.Error(), ".ebb-") {
				t.Errorf("error %q must wrap %v and name %s", err, tt.err, to.Local)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	name := func(elem ...string) string { return filepath.Join(append([]string{folder}, elem...)...) }
	if err := os.WriteFile(name("file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(name("pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		local     string
		overwrite bool
		code      job.Code // 0: it is fine
	}{
		{local: name("new")},
		{local: name(strings.Repeat("n", 255))},
		{local: name("file"), overwrite: true},
		{local: name("file"), code: job.FileExists},
		{local: name("pipe"), overwrite: true, code: job.FileExists},
		{local: folder, overwrite: true, code: job.IsDirectory},
		{local: folder + "/", code: job.IsDirectory},
		{local: folder + "/..", code: job.BadName},
		{local: name("file", "new"), code: job.PathNotFound},
		{local: name("gone", "new"), code: job.PathNotFound},
		{local: name(strings.Repeat("n", 256)), code: job.NameTooLong},
		{local: name(strings.Repeat("ü", 128)), code: job.NameTooLong},
		{local: folder + strings.Repeat("/"+strings.Repeat("n", 200), 30), code: job.NameTooLong},
		{local: name("nul\x00"), code: job.BadName},
		{local: "relative", code: job.BadName},
		{local: "", code: job.BadName},
	}
	for _, tt := range tests {
		err := newSink(thisBoot).Check(sink.Target{Job: jobA, File: 1, Local: tt.local, Overwrite: tt.overwrite})
		if tt.code == 0 {
			if err != nil {
				t.Errorf("Check(%.80q): %v", tt.local, err)
			}
			continue
		}
		wantError(t, err, tt.code, job.NeedsAction, "")
	}
	wantNames(t, folder, "file", "pipe")
}

func TestAFolderThatVanishes(t *testing.T) {
	t.Parallel()
	b := content(1000)
	start := func(t *testing.T) (s *sink.Sink, to sink.Target, p *sink.Partial) {
		s, to = newSink(thisBoot), target(filepath.Join(t.TempDir(), "folder"), "file")
		if err := os.Mkdir(filepath.Dir(to.Local), 0o755); err != nil {
			t.Fatal(err)
		}
		p = open(t, s, to, nil, "")
		write(t, p, b[:500], 0)
		if err := os.RemoveAll(filepath.Dir(to.Local)); err != nil {
			t.Fatal(err)
		}
		return s, to, p
	}
	t.Run("at a checkpoint", func(t *testing.T) {
		t.Parallel()
		s, to, p := start(t)
		have, err := p.Checkpoint()
		wantError(t, err, job.PathNotFound, job.NeedsAction, "create it")
		if len(have) > 0 {
			t.Errorf("durable %v, want nothing", have)
		}
		_, err = p.WriteAt(b[500:], 500)
		wantError(t, err, job.PathNotFound, job.NeedsAction, "create it")
		_ = p.Close()
		_, err = s.Open(to, nil, thisBoot, job.UnknownSize)
		wantError(t, err, job.PathNotFound, job.NeedsAction, "create it")
		if err := os.Mkdir(filepath.Dir(to.Local), 0o755); err != nil {
			t.Fatal(err)
		}
		wantFilled(t, open(t, s, to, nil, thisBoot), "")
	})
	t.Run("at a checkpoint of many", func(t *testing.T) {
		t.Parallel()
		s, _, p := start(t)
		folder, ps := t.TempDir(), []*sink.Partial{p}
		for _, id := range []job.FileID{2, 3, 4, 5, 6} {
			q := open(t, s, sink.Target{Job: jobA, File: id, Local: filepath.Join(folder, "file")}, nil, "")
			write(t, q, b, 0)
			ps = append(ps, q)
		}
		wantError(t, s.Sync(ps), job.PathNotFound, job.NeedsAction, "create it")
		for i, q := range ps {
			have, err := q.Checkpoint()
			if i == 0 && (err == nil || len(have) > 0) || i > 0 && (err != nil || have.Len() != 1000) {
				t.Errorf("file %d: %v, %v", i+1, have, err)
			}
		}
	})
	t.Run("before it is published", func(t *testing.T) {
		t.Parallel()
		s, to, _ := start(t)
		_, err := s.Publish(t.Context(), []sink.PublishFile{{Target: to, Size: 500, Done: true}})
		wantError(t, err, job.PathNotFound, job.NeedsAction, "create it")
		if left, err := s.Discard(t.Context(), []sink.Target{to}); left != job.OK || err != nil {
			t.Errorf("Discard = %v, %v", left, err)
		}
	})
}
