package sink_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

func TestWhatOpenTrusts(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		suffix string // of the partial file; "" for none
		length int    // of the partial file
		have   string // stored ranges
		boot   string // stored boot id
		size   int64  // stored size, 0 for unknown

		want       string
		wantLength int64
	}{
		{name: "new file", boot: "", want: "", wantLength: 0},
		{name: "killed after the last checkpoint", suffix: ".part", length: 900, have: "0-499", boot: thisBoot, want: "0-899", wantLength: 900},
		{name: "killed before the first checkpoint", suffix: ".part", length: 900, boot: thisBoot, want: "0-899", wantLength: 900},
		{name: "killed when whole", suffix: ".part", length: 900, have: "0-499", boot: thisBoot, size: 900, want: "0-899", wantLength: 900},
		{name: "power cut after the last checkpoint", suffix: ".part", length: 900, have: "0-499", boot: nextBoot, want: "0-499", wantLength: 500},
		{name: "power cut before the first checkpoint", suffix: ".part", length: 900, boot: nextBoot, want: "", wantLength: 0},
		{name: "another version was begun", suffix: ".part", length: 900, boot: "", want: "", wantLength: 0},
		{name: "longer than the file can be", suffix: ".part", length: 900, have: "0-499", boot: thisBoot, size: 800, want: "0-499", wantLength: 500},
		{name: "shorter than stored, same boot", suffix: ".part", length: 300, have: "0-499", boot: thisBoot, want: "0-299", wantLength: 300},
		{name: "shorter than stored, other boot", suffix: ".part", length: 300, have: "0-499", boot: nextBoot, want: "0-299", wantLength: 300},
		{name: "gone", have: "0-499", boot: thisBoot, want: "", wantLength: 0},
		{name: "with gaps, killed", suffix: ".sparse", length: 900, have: "0-99,300-399", boot: thisBoot, want: "0-99,300-399", wantLength: 400},
		{name: "with gaps, stored without", suffix: ".sparse", length: 900, have: "0-99", boot: thisBoot, want: "0-99", wantLength: 100},
		{name: "with gaps, power cut", suffix: ".sparse", length: 900, have: "0-99,300-399", boot: nextBoot, want: "0-99,300-399", wantLength: 400},
		{name: "with gaps, shorter", suffix: ".sparse", length: 350, have: "0-99,300-399,500-599", boot: thisBoot, want: "0-99,300-349", wantLength: 350},
		{name: "with gaps, the new name lost", suffix: ".part", length: 900, have: "0-99,300-399", boot: nextBoot, want: "0-99,300-399", wantLength: 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			to := target(t.TempDir(), "file")
			if tt.suffix != "" {
				if err := os.WriteFile(partName(to, tt.suffix), content(tt.length), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var have job.Ranges
			if err := have.UnmarshalText([]byte(tt.have)); err != nil {
				t.Fatal(err)
			}
			size := tt.size
			if size == 0 {
				size = job.UnknownSize
			}
			p, err := newSink(thisBoot).Open(to, have, tt.boot, size)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			wantFilled(t, p, tt.want)
			names, _ := filepath.Glob(filepath.Join(filepath.Dir(to.Local), ".ebb-*"))
			if len(names) != 1 {
				t.Fatalf("partial files %q, want one", names)
			}
			if fi, err := os.Stat(names[0]); err != nil || fi.Size() != tt.wantLength {
				t.Errorf("the partial file has %d bytes, %v; want %d", fi.Size(), err, tt.wantLength)
			}
			if gaps := tt.want != "" && filepath.Ext(names[0]) == ".part" && len(p.Filled()) > 1; gaps {
				t.Errorf("%s has gaps, so its name must not end in .part", names[0])
			}
		})
	}
}

func TestNothingIsTrustedBeyondTheCheckpointWithoutABootID(t *testing.T) {
	t.Parallel()
	to := target(t.TempDir(), "file")
	if err := os.WriteFile(partName(to, ".part"), content(900), 0o600); err != nil {
		t.Fatal(err)
	}
	p := open(t, newSink(""), to, job.Prefix(100), "")
	wantFilled(t, p, "0-99")
}

func TestAWriteWithAGapIsNotTrustedAfterAKill(t *testing.T) {
	t.Parallel()
	to := target(t.TempDir(), "file")
	s, b := newSink(thisBoot), content(1000)
	p := open(t, s, to, nil, "")
	write(t, p, b[:100], 0)
	have, err := p.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	write(t, p, b[500:600], 500) // leaves a gap
	write(t, p, b[100:500], 100) // and fills it
	_ = p.Close()
	wantFilled(t, open(t, s, to, have, thisBoot), "0-99")
}

func TestWritesOverWhatIsThereKeepTheProof(t *testing.T) {
	t.Parallel()
	to := target(t.TempDir(), "file")
	s, b := newSink(thisBoot), content(1000)
	p := open(t, s, to, nil, "")
	write(t, p, b[:300], 0)
	write(t, p, b[100:500], 100)
	write(t, p, b[200:250], 200)
	_ = p.Close()
	wantFilled(t, open(t, s, to, nil, thisBoot), "0-499")
}

func TestResetForgetsTheOtherVersion(t *testing.T) {
	t.Parallel()
	to := target(t.TempDir(), "file")
	s, b := newSink(thisBoot), content(1000)
	p := open(t, s, to, nil, "")
	write(t, p, b, 0)
	if _, err := p.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	if err := p.Reset(); err != nil {
		t.Fatal(err)
	}
	wantFilled(t, p, "")
	write(t, p, b[:10], 0)
	have, err := p.Checkpoint()
	if err != nil || have.String() != "0-9" {
		t.Errorf("Checkpoint = %v, %v, want 0-9", have, err)
	}
	wantFile(t, partName(to, ".part"), b[:10])
}

// What somebody else puts under the name of a partial file is neither followed nor
// written to, nor published.
func TestPlantedFiles(t *testing.T) {
	t.Parallel()
	plant := map[string]func(victim, name string) error{
		"symbolic link":          os.Symlink,
		"dangling symbolic link": func(victim, name string) error { return os.Symlink(victim+"-not-there", name) },
		"hard link":              os.Link,
		"folder":                 func(_, name string) error { return os.Mkdir(name, 0o700) },
	}
	for name, put := range plant {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if runtime.GOOS == "windows" {
				t.Skip("links need an administrator")
			}
			folder, s := t.TempDir(), newSink(thisBoot)
			victim, to := filepath.Join(folder, "victim"), target(folder, "file")
			if err := os.WriteFile(victim, []byte("precious"), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := put(victim, partName(to, ".part")); err != nil {
				t.Fatal(err)
			}
			p, err := s.Open(to, nil, "", job.UnknownSize)
			if err == nil {
				_, _ = p.WriteAt([]byte("overwritten"), 0)
				_ = p.Close()
			}
			var classed *job.Error
			if !errors.As(err, &classed) || classed.Class != job.NeedsAction || classed.File != 1 {
				t.Errorf("Open: %v, want an error that the owner can clear", err)
			}
			if name != "hard link" { // that is the file with another name: nothing is written to it
				_, err = s.Publish(t.Context(), []sink.PublishFile{{Target: to, Size: 8, Done: true}})
				if !errors.As(err, &classed) {
					t.Errorf("Publish: %v, want an error", err)
				}
			}
			wantFile(t, victim, []byte("precious"))
			if fi, err := os.Stat(victim); err != nil || fi.Mode().Perm() != 0o644 {
				t.Errorf("mode of the victim: %v, %v", fi.Mode(), err)
			}
		})
	}
}

func TestAPartialFileIsPrivate(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("files inherit the rights of their folder")
	}
	to := target(t.TempDir(), "file")
	open(t, newSink(thisBoot), to, nil, "")
	if fi, err := os.Stat(partName(to, ".part")); err != nil || fi.Mode() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", fi.Mode(), err)
	}
}
