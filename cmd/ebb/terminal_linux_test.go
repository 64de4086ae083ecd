package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
)

// On a terminal, get shows a bar for each file and one for all of them, with rate and time left, and takes them away
// at the end.
func TestBars(t *testing.T) {
	t.Parallel()
	files := ebbtest.NewServer(t, ebbtest.Size(3_000_000), ebbtest.Rate(1_500_000))
	home := t.TempDir()
	control, terminal := openTerminal(t)
	ebb := exec.Command("ebb", "get", "--standalone", files.Base+"/one.iso", files.Base+"/two.iso")
	ebb.Dir = home
	ebb.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "EBB_STATE_DIR=" + home + "/state", "TERM=xterm"}
	var stdout bytes.Buffer
	ebb.Stdout, ebb.Stderr = &stdout, terminal
	if err := ebb.Start(); err != nil {
		t.Fatal(err)
	}
	_ = terminal.Close()
	shown, _ := io.ReadAll(control) // to the end of the process, which is an error here
	if err := ebb.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, shown)
	}
	for _, want := range []string{
		`0 of 2 files .* 5\.7 MiB \[.*\] .* %  [0-9.]+ [KM]iB/s  [0-9]+s`,
		`one\.iso .* 2\.9 MiB \[=*>?-*\]`,
		`two\.iso .* 2\.9 MiB \[=*>?-*\]`,
	} {
		if !regexp.MustCompile(want).Match(shown) {
			t.Errorf("no %q in:\n%q", want, shown)
		}
	}
	if last := shown[max(0, len(shown)-40):]; regexp.MustCompile(`\[=`).Match(last[bytes.LastIndex(last, []byte("\x1b["))+1:]) {
		t.Errorf("bars are left at the end: %q", last)
	}
	if n := bytes.Count(stdout.Bytes(), []byte("saved ")); n != 2 {
		t.Errorf("stdout: %s", &stdout)
	}
}

// openTerminal opens a pseudo-terminal of 100 columns.
func openTerminal(t *testing.T) (control, terminal *os.File) {
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		ebbtest.Lacks(t, "no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { _ = control.Close() })
	fd := int(control.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return control, terminal
}
