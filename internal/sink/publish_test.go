package sink_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

// ready makes the durable partial file of a target.
func ready(t *testing.T, s *sink.Sink, to sink.Target, b []byte) {
	t.Helper()
	p := open(t, s, to, nil, "")
	write(t, p, b, 0)
	if _, err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
}

// wantError compares the code, class and text of err.
func wantError(t *testing.T, err error, code job.Code, class job.Class, text string) {
	t.Helper()
	var e *job.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v, want %v", err, code)
	}
	if e.Context != job.ContextLocalFile || e.Code != code || e.Class != class {
		t.Errorf("error %v: %v, %v, %v; want %v, %v", err, e.Context, e.Code, e.Class, code, class)
	}
	if !strings.Contains(e.Text, text) || strings.Contains(e.Text, ".ebb-") && text == "" {
		t.Errorf("error %q, want one with %q", e.Text, text)
	}
	if strings.ContainsAny(e.Text, "\n\r") {
		t.Errorf("error %q is more than a line", e.Text)
	}
}

func TestPublishedFilesObeyTheUmask(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no umask")
	}
	folder := t.TempDir()
	s, to := newSink(thisBoot), target(folder, "file")
	ready(t, s, to, content(10))
	publish(t, s, sink.PublishFile{Target: to, Size: 10, Done: true})
	ordinary := filepath.Join(folder, "ordinary")
	if err := os.WriteFile(ordinary, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	want, _ := os.Stat(ordinary)
	if got, err := os.Stat(to.Local); err != nil || got.Mode() != want.Mode() {
		t.Errorf("mode %v, %v, want %v as any new file", got.Mode(), err, want.Mode())
	}
}

func TestPublishDoesAllItCan(t *testing.T) {
	t.Parallel()
	folder, s := t.TempDir(), newSink(thisBoot)
	var files []sink.PublishFile
	for i, name := range []string{"a", "taken", "c", "unfinished"} {
		to := sink.Target{Job: jobA, File: job.FileID(i + 1), Local: filepath.Join(folder, name)}
		ready(t, s, to, content(10+i))
		files = append(files, sink.PublishFile{Target: to, Size: int64(10 + i), Done: name != "unfinished"})
	}
	if err := os.WriteFile(filepath.Join(folder, "taken"), []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := s.Publish(t.Context(), files)
	wantError(t, err, job.FileExists, job.NeedsAction, "exists already")
	wantFile(t, filepath.Join(folder, "taken"), []byte("mine"))
	// The job stays, and so do its other bytes.
	wantNames(t, folder, ".ebb-test-"+string(jobA)+"-2.part", ".ebb-test-"+string(jobA)+"-4.part", "a", "c", "taken")

	if err := os.Remove(filepath.Join(folder, "taken")); err != nil {
		t.Fatal(err)
	}
	publish(t, s, files...)
	wantNames(t, folder, "a", "c", "taken")
	wantFile(t, filepath.Join(folder, "taken"), content(11))
	publish(t, s, files...)
}

// TestPublishNeverOverAnotherFileOfTheJob: two names of a job can be one on disk, by a link or because case does not
// count. That other files may be replaced does not mean that they may replace each other.
func TestPublishNeverOverAnotherFileOfTheJob(t *testing.T) {
	t.Parallel()
	folder, s := t.TempDir(), newSink(thisBoot)
	real, link := filepath.Join(folder, "real"), filepath.Join(folder, "link")
	if err := os.Mkdir(real, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Skip(err)
	}
	if err := os.WriteFile(filepath.Join(real, "file"), []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	var files []sink.PublishFile
	for i, in := range []string{real, link} {
		to := sink.Target{Job: jobA, File: job.FileID(i + 1), Local: filepath.Join(in, "file"), Overwrite: true}
		ready(t, s, to, content(10+i))
		files = append(files, sink.PublishFile{Target: to, Size: int64(10 + i), Done: true})
	}
	for range 2 {
		_, err := s.Publish(t.Context(), files)
		wantError(t, err, job.FileExists, job.NeedsAction, "another file of the job")
		wantFile(t, filepath.Join(real, "file"), content(10))
		wantNames(t, real, ".ebb-test-"+string(jobA)+"-2.part", "file")
	}
}

func TestPublishOverWhatIsThere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		put       func(victim, name string) error
		overwrite bool
		code      job.Code // 0: it is replaced
	}{
		{"file", os.Link, false, job.FileExists},
		{"file, overwrite", os.Link, true, 0},
		{"symbolic link", os.Symlink, false, job.FileExists},
		{"symbolic link, overwrite", os.Symlink, true, 0},
		{"dangling link", func(v, n string) error { return os.Symlink(v+"x", n) }, false, job.FileExists},
		{"dangling link, overwrite", func(v, n string) error { return os.Symlink(v+"x", n) }, true, 0},
		{"folder", func(_, n string) error { return os.Mkdir(n, 0o755) }, false, job.IsDirectory},
		{"folder, overwrite", func(_, n string) error { return os.Mkdir(n, 0o755) }, true, job.IsDirectory},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			folder, s := t.TempDir(), newSink(thisBoot)
			victim, to := filepath.Join(folder, "victim"), target(folder, "file")
			to.Overwrite = tt.overwrite
			ready(t, s, to, content(10))
			if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := tt.put(victim, to.Local); err != nil {
				t.Skip(err)
			}
			checked := s.Check(to)
			_, err := s.Publish(t.Context(), []sink.PublishFile{{Target: to, Size: 10, Done: true}})
			if tt.code == 0 {
				if checked != nil || err != nil {
					t.Errorf("Check: %v, Publish: %v", checked, err)
				}
				wantFile(t, to.Local, content(10))
				wantNames(t, folder, "file", "victim")
			} else {
				wantError(t, checked, tt.code, job.NeedsAction, to.Local)
				wantError(t, err, tt.code, job.NeedsAction, to.Local)
			}
			wantFile(t, victim, []byte("precious"))
		})
	}
}

func TestPublishWithoutAPartialFile(t *testing.T) {
	t.Parallel()
	modified := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	const digest = "sha256=b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78" // of ABC
	whole := sink.PublishFile{Size: 3, Digest: digest, Modified: modified, Done: true}
	tests := []struct {
		name string
		put  string
		time time.Time
		code job.Code
	}{
		{"it was published", "ABC", modified, 0},
		{"by a file system with coarse times", "ABC", modified.Add(-time.Second), 0},
		{"nothing there", "", modified, job.LocalFileChanged},
		{"another size", "ABCD", modified, job.LocalFileChanged},
		{"another time", "ABC", modified.Add(time.Hour), job.LocalFileChanged},
		{"other bytes", "ABD", modified, job.ValidationFailed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := whole
			file.Target = target(t.TempDir(), "file")
			if tt.put != "" {
				if err := os.WriteFile(file.Local, []byte(tt.put), 0o644); err != nil {
					t.Fatal(err)
				}
				if err := os.Chtimes(file.Local, tt.time, tt.time); err != nil {
					t.Fatal(err)
				}
			}
			_, err := newSink(thisBoot).Publish(t.Context(), []sink.PublishFile{file})
			if tt.code == 0 {
				if err != nil {
					t.Error(err)
				}
				return
			}
			wantError(t, err, tt.code, job.Fatal, file.Local)
		})
	}
}

// TestPublishAgainWithAnyTime: a service that ends just after a file has its name finds that later, whatever time the server gave, and
// whatever the file system has made of it.
func TestPublishAgainWithAnyTime(t *testing.T) {
	t.Parallel()
	for _, year := range []int{1, 1601, 1901, 1969, 1970, 1979, 1980, 2020, 2037, 2038, 2106, 2300, 9999} {
		s, to := newSink(thisBoot), target(t.TempDir(), "file")
		modified := time.Date(year, 1, 2, 3, 4, 5, 0, time.UTC)
		ready(t, s, to, content(10))
		for range 2 {
			publish(t, s, sink.PublishFile{Target: to, Size: 10, Modified: modified, Done: true})
		}
		fi, err := os.Stat(to.Local)
		if err != nil {
			t.Fatal(err)
		}
		if year < 1970 || year > 2261 {
			modified = time.Now()
		}
		if (year < 2038 || year > 2261) && fi.ModTime().Sub(modified).Abs() > time.Hour {
			t.Errorf("%d: the file is of %v", year, fi.ModTime())
		}
	}
}

func TestPublishRefusesAPartialFileOfAnotherSize(t *testing.T) {
	t.Parallel()
	folder, s := t.TempDir(), newSink(thisBoot)
	to := target(folder, "file")
	ready(t, s, to, content(10))
	_, err := s.Publish(t.Context(), []sink.PublishFile{{Target: to, Size: 11, Done: true}})
	wantError(t, err, job.LocalFileChanged, job.Fatal, "10 bytes on disk instead of 11")
	wantNames(t, folder, ".ebb-test-"+string(jobA)+"-1.part")
}

// Some file systems give the final name first and take the other one away after.
func TestPublishAfterHalfALink(t *testing.T) {
	t.Parallel()
	folder, s := t.TempDir(), newSink(thisBoot)
	to := target(folder, "file")
	ready(t, s, to, content(10))
	if err := os.Link(partName(to, ".part"), to.Local); err != nil {
		t.Skip(err)
	}
	publish(t, s, sink.PublishFile{Target: to, Size: 10, Done: true})
	wantNames(t, folder, "file")
}

func TestOneOfTwoPublishersWins(t *testing.T) {
	t.Parallel()
	s := newSink(thisBoot)
	for range 50 {
		folder := t.TempDir()
		var files [2]sink.PublishFile
		for i := range files {
			to := sink.Target{Job: []job.ID{jobA, jobB}[i], File: 1, Local: filepath.Join(folder, "file")}
			ready(t, s, to, content(100+i))
			files[i] = sink.PublishFile{Target: to, Size: int64(100 + i), Done: true}
		}
		var errs [2]error
		var wg sync.WaitGroup
		for i := range files {
			wg.Go(func() { _, errs[i] = s.Publish(t.Context(), files[i:i+1]) })
		}
		wg.Wait()
		winner := 0
		if errs[0] != nil {
			winner = 1
		}
		if errs[winner] != nil {
			t.Fatalf("nobody won: %v", errs)
		}
		wantError(t, errs[1-winner], job.FileExists, job.NeedsAction, "")
		wantFile(t, files[0].Local, content(100+winner))
	}
}

func TestDiscard(t *testing.T) {
	t.Parallel()
	folder, s := t.TempDir(), newSink(thisBoot)
	to := target(folder, "file")
	ready(t, s, to, content(10))
	other := sink.Target{Job: jobB, File: 1, Local: filepath.Join(folder, "other")}
	p := open(t, s, other, nil, "")
	write(t, p, content(10), 100) // with a gap: under its other name
	_ = p.Close()
	gone := sink.Target{Job: jobB, File: 2, Local: filepath.Join(folder, "no such folder", "file")}
	for range 2 {
		if left, err := s.Discard(t.Context(), []sink.Target{to, other, gone}); left != job.OK || err != nil {
			t.Errorf("Discard = %v, %v", left, err)
		}
		wantNames(t, folder)
	}
}

func TestDiscardGoesOnAfterAFileThatWouldNotGo(t *testing.T) {
	t.Parallel()
	folder, s := t.TempDir(), newSink(thisBoot)
	stuck, to := sink.Target{Job: jobB, File: 1, Local: filepath.Join(folder, "x")}, target(folder, "file")
	name := filepath.Join(folder, ".ebb-test-"+string(jobB)+"-1.part")
	if err := os.MkdirAll(filepath.Join(name, "not empty"), 0o700); err != nil {
		t.Fatal(err)
	}
	ready(t, s, to, content(10))
	if left, err := s.Discard(t.Context(), []sink.Target{stuck, to}); left != job.UnableToDeleteFiles || err != nil {
		t.Errorf("Discard = %v, %v, want %v", left, err, job.UnableToDeleteFiles)
	}
	wantNames(t, folder, filepath.Base(name))
}

func TestSweepTakesOrphansOfItsOwnOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	a, b := string(jobA), string(jobB)
	stay := []string{
		".ebb-other-" + b + "-1.part", ".ebb-test-" + a + "-1.part", ".ebb-test-" + a + "-2.sparse",
		".ebb-test-" + b + "-.part", ".ebb-test-" + b + "-0.part", ".ebb-test-" + b + "-1.part.bak", ".ebb-test-" + b + "-x.part",
		".ebb-test-" + b + ".part", ".ebb-test-b-" + b + "-1.part", "ebb-test-" + b + "-1.part", "file",
	}
	orphans := []string{".ebb-test-" + b + "-1.part", ".ebb-test-" + b + "-12.sparse"}
	for _, name := range append(stay, orphans...) {
		if err := os.WriteFile(filepath.Join(folder, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folders := []string{filepath.Join(folder, "no such folder"), filepath.Join(folder, "file"), folder}
	removed, err := newSink(thisBoot).Sweep(t.Context(), folders, func(id job.ID) bool { return id == jobA })
	if err != nil {
		t.Fatal(err)
	}
	for i := range removed {
		removed[i] = filepath.Base(removed[i])
	}
	slices.Sort(removed)
	if d := cmp.Diff(orphans, removed); d != "" {
		t.Errorf("removed (-want +got):\n%s", d)
	}
	wantNames(t, folder, stay...)
}

func TestVerify(t *testing.T) {
	t.Parallel()
	to := target(t.TempDir(), "file")
	p := open(t, newSink(thisBoot), to, nil, "")
	write(t, p, []byte("ABC"), 0)
	ok := []string{
		"", "sha256=b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78", "sha1=3c01bdbb26f358bab27f267924aa2c9a03fcfdb8",
		"md5=902fbdd2b1df0c4f70b4a5d23525e932", "MD5=902FBDD2B1DF0C4F70B4A5D23525E932",
		"sha512=397118fdac8d83ad98813c50759c85b8c47565d8268bf10da483153b747a74743a58a90e85aa9f705ce6984ffc128db567489817e4092d050d8a1cc596ddc119",
	}
	for _, digest := range ok {
		if digest != "" && digest[0] == 'M' {
			digest, _ = job.ParseDigest(digest)
		}
		for _, size := range []int64{3, job.UnknownSize} {
			if err := p.Verify(t.Context(), size, nil, digest); err != nil {
				t.Errorf("Verify(%d, %q): %v", size, digest, err)
			}
		}
	}
	wantError(t, p.Verify(t.Context(), 3, nil, "md5=00000000000000000000000000000000"), job.ValidationFailed, job.Fatal,
		"expected md5=00000000000000000000000000000000, got md5=902fbdd2b1df0c4f70b4a5d23525e932")
	wantError(t, p.Verify(t.Context(), 3, nil, "crc32=00000000"), job.InvalidHashAlgorithm, job.Fatal, "crc32")
	wantError(t, p.Verify(t.Context(), 4, nil, ""), job.ValidationFailed, job.Fatal, "of 4 bytes, 3-3 are missing")
	wantError(t, p.Verify(t.Context(), 2, nil, ""), job.LocalFileChanged, job.Fatal, "3 bytes on disk instead of 2")
	ended, end := context.WithCancel(t.Context())
	end()
	if err := p.Verify(ended, 3, nil, ok[1]); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify after the end: %v", err)
	}
	write(t, p, []byte("E"), 4)
	wantError(t, p.Verify(t.Context(), 5, nil, ""), job.ValidationFailed, job.Fatal, "3-3 are missing")
}

func TestVerifyReadsAllOfALargeFile(t *testing.T) {
	t.Parallel()
	p := open(t, newSink(thisBoot), target(t.TempDir(), "file"), nil, "")
	b := content(2<<20 + 12345)
	write(t, p, b, 0)
	if err := p.Verify(t.Context(), int64(len(b)), nil, sum(b)); err != nil {
		t.Error(err)
	}
}

func TestPublishAndDiscardStopWithTheirContext(t *testing.T) {
	t.Parallel()
	folder, s := t.TempDir(), newSink(thisBoot)
	to := target(folder, "file")
	ready(t, s, to, content(10))
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := s.Publish(ended, []sink.PublishFile{{Target: to, Size: 10, Done: true}}); !errors.Is(err, context.Canceled) {
		t.Errorf("Publish: %v", err)
	}
	if _, err := s.Discard(ended, []sink.Target{to}); !errors.Is(err, context.Canceled) {
		t.Errorf("Discard: %v", err)
	}
	wantNames(t, folder, ".ebb-test-"+string(jobA)+"-1.part")
}
