package bitsadmin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/cli/bitsadmin"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
	"github.com/ebb-transfer/ebb/local"
)

// open returns a service of the test's own, as a program needs it.
func open(t *testing.T) func(context.Context) (*ebb.Client, func() error, error) {
	t.Helper()
	svc, err := local.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := svc.Close(); err != nil {
			t.Error(err)
		}
	})
	return func(context.Context) (*ebb.Client, func() error, error) {
		return svc.Client, func() error { return nil }, nil
	}
}

// On a terminal /TRANSFER draws its two lines again and again in place.
func TestTransferOnTerminal(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(300_000), ebbtest.Rate(600_000))
	var out, errs bytes.Buffer
	code := bitsadmin.Main(t.Context(), bitsadmin.Program{
		Args:   []string{"/transfer", "job", srv.Base + "/a", filepath.Join(t.TempDir(), "a")},
		Stdout: &out, Stderr: &errs, Width: 100, Connect: open(t),
	})
	if code != 0 || errs.Len() > 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	_, drawn, _ := strings.Cut(out.String(), "service.\n\n")
	frames := strings.Split(strings.TrimSuffix(drawn, "Transfer complete.\n"), "\x1b[2F\x1b[J")
	if len(frames) < 2 {
		t.Errorf("drawn once only: %q", drawn)
	}
	for _, frame := range frames {
		if !strings.HasPrefix(frame, "DISPLAY: 'job' TYPE: DOWNLOAD STATE: ") || strings.Count(frame, "\n") != 2 {
			t.Errorf("not two lines of progress: %q", frame)
		}
	}
	if want := "BYTES: 300000 / 300000 (100%)\n"; !strings.HasSuffix(frames[len(frames)-1], want) {
		t.Errorf("ends with %q, want %q", frames[len(frames)-1], want)
	}
}

// A terminal that is too narrow for a line shows it in several, all of which are drawn anew.
func TestTransferOnNarrowTerminal(t *testing.T) {
	t.Parallel()
	const width = 50
	srv := ebbtest.NewServer(t, ebbtest.Size(300_000), ebbtest.Rate(600_000))
	connect, up := open(t), regexp.MustCompile(`\x1b\[(\d+)F\x1b\[J`)
	for _, wrap := range []string{"/wrap", "/nowrap"} { // broken after words, or by the terminal at its edge
		var out, errs bytes.Buffer
		code := bitsadmin.Main(t.Context(), bitsadmin.Program{
			Args:   []string{wrap, "/transfer", strings.Repeat("long ", 20), srv.Base + "/a", filepath.Join(t.TempDir(), "a")},
			Stdout: &out, Stderr: &errs, Width: width, Connect: connect,
		})
		_, drawn, _ := strings.Cut(out.String(), "service.\n\n")
		frames, moves := up.Split(drawn, -1), up.FindAllStringSubmatch(drawn, -1)
		if code != 0 || len(moves) == 0 {
			t.Fatalf("%s: exit code %d, drawn once only: %q", wrap, code, drawn)
		}
		for i, move := range moves {
			rows := 0
			for line := range strings.Lines(frames[i]) {
				rows += (len(line) - 1 + width - 1) / width
			}
			if rows < 4 || move[1] != strconv.Itoa(rows) {
				t.Errorf("%s: %q takes %d rows, and %s are taken back", wrap, frames[i], rows, move[1])
			}
		}
	}
}

// What /CANCEL gives up is gone when it returns, as with BITS.
func TestCancelWaits(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	connect := open(t)
	client, _, _ := connect(t.Context())
	spec := job.Spec{Settings: job.DefaultSettings(), Resume: true}
	dir := t.TempDir()
	for i := range 100 {
		spec.Files = append(spec.Files, job.FileSpec{URL: srv.Base + "/f", Local: filepath.Join(dir, strconv.Itoa(i))})
	}
	j, err := client.Create(t.Context(), spec)
	if err == nil {
		err = j.Wait(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	if stored, err := os.ReadDir(dir); err != nil || len(stored) == 0 {
		t.Fatalf("nothing is stored: %v", err)
	}
	var out, errs bytes.Buffer
	code := bitsadmin.Main(t.Context(), bitsadmin.Program{Args: []string{"/cancel", string(j.ID)}, Stdout: &out, Stderr: &errs, Connect: connect})
	left, err := os.ReadDir(dir)
	if code != 0 || err != nil || len(left) > 0 {
		t.Errorf("exit code %d, %v, %d files are left: %s", code, err, len(left), errs.String())
	}
}

func TestWithoutService(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	code := bitsadmin.Main(t.Context(), bitsadmin.Program{
		Args: []string{"/rawreturn", "/list"}, Stdout: &out, Stderr: &errs,
		Connect: func(context.Context) (*ebb.Client, func() error, error) {
			return nil, nil, fmt.Errorf("dial: %w", ebb.ErrUnavailable)
		},
	})
	want := "Unable to connect to BITS - 0x800706ba\ndial: the ebb service does not answer\n"
	if code == 0 || out.Len() > 0 || errs.String() != want {
		t.Errorf("exit code %d, %q, %q; want %q", code, out.String(), errs.String(), want)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// A result that cannot be written is a failure.
func TestBrokenOutput(t *testing.T) {
	t.Parallel()
	var errs bytes.Buffer
	code := bitsadmin.Main(t.Context(), bitsadmin.Program{Args: []string{"/help"}, Stdout: full{}, Stderr: &errs})
	want := "Unable to write to standard output - 0x80004005\nno space left\n"
	if code == 0 || errs.String() != want {
		t.Errorf("exit code %d, %q; want %q", code, errs.String(), want)
	}
	if runtime.GOOS != "windows" && code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
}

// A name is a name, even if it looks like the beginning of a GUID.
func TestNameBeforePrefix(t *testing.T) {
	t.Parallel()
	connect := open(t)
	run := func(args ...string) (string, int) {
		var out, errs bytes.Buffer
		code := bitsadmin.Main(t.Context(), bitsadmin.Program{Args: append([]string{"/rawreturn"}, args...), Stdout: &out, Stderr: &errs, Connect: connect})
		return out.String() + errs.String(), code
	}
	first, _ := run("/create", "first")
	prefix := strings.ToLower(first[1:6])
	second, _ := run("/create", prefix)
	for args, want := range map[string]string{
		"/getdisplayname " + first[1:6]:                 "first", // upper case: no name, so it is a GUID's
		"/getdisplayname " + prefix:                     prefix,
		"/getdisplayname " + strings.Trim(second, "{}"): prefix,
		"/getdisplayname " + strings.ToLower(first):     "first",
		"/getdisplayname " + first[1:4]:                 "Unable to find job named \"" + first[1:4] + "\".\n",
	} {
		if strings.ToLower(first[1:6]) == first[1:6] && strings.HasSuffix(args, prefix) {
			continue // digits alone have no case
		}
		if got, _ := run(strings.Fields(args)...); got != want {
			t.Errorf("%s: %q, want %q", args, got, want)
		}
	}
}
