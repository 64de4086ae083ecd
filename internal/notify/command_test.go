package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// played is what the command "record" saw.
type played struct {
	Args  []string
	Dir   string
	Env   []string
	Stdin []byte
}

// play is a command of a job. To "hang" and "orphan", arg is the address of a listener that sees by
// the connection's end that the process has ended.
func play(role, arg string) int {
	var err error
	switch role {
	case "record":
		err = record(arg)
	case "fail":
		fmt.Println("line on stdout")
		fmt.Fprintln(os.Stderr, "line on stderr")
		return 3
	case "chatter":
		fmt.Print(strings.Repeat("x", 1<<20), "the end")
		return 1
	case "hang":
		if err = child(arg); err == nil {
			err = hold(arg)
		}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		err = hold(arg)
	case "orphan":
		err = child(arg)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func record(path string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	stdin, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	data, err := json.Marshal(played{os.Args[1:], dir, os.Environ(), stdin})
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

func hold(addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, conn)
	return err
}

func child(addr string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "play", "stubborn", addr)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return cmd.Start()
}

// toCommand makes this program the job's command, in that role.
func toCommand(t *testing.T, role, arg string) func(*job.Job) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(j *job.Job) { j.NotifyCommand = []string{self, "play", role, arg} }
}

func TestCommandGetsTheNotice(t *testing.T) {
	t.Setenv("EBB_TEST_SECRET", "hush")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "hush")
	t.Setenv("LANG", "de_DE.UTF-8")
	t.Setenv("EBB_SOCKET", "/run/other.sock")
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	f := newFixture(t)
	file := filepath.Join(t.TempDir(), "saw")
	j := f.newJob(func(j *job.Job) {
		toCommand(t, "record", file)(j)
		j.NotifyCommand = append(j.NotifyCommand, "", "two words", `"quoted"`, "$HOME", "; exit 1", "*", "%PATH%")
		j.Name = "näme\nwith\x00all = sorts"
	})
	id := f.put(j, job.NoticeFileTransferred)
	e := f.entry()
	if failures := f.tell(t.Context(), j, e); len(failures) > 0 || !e.handed || e.posted {
		t.Fatalf("tell = %v, handed %v, posted %v", failures, e.handed, e.posted)
	}

	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var saw played
	if err := json.Unmarshal(data, &saw); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(saw.Args, j.NotifyCommand[1:]) {
		t.Errorf("arguments %q, want %q", saw.Args, j.NotifyCommand[1:])
	}
	if resolved, err := filepath.EvalSymlinks(home); err != nil || saw.Dir != resolved {
		t.Errorf("folder %q, want %q (%v)", saw.Dir, resolved, err)
	}
	for _, want := range []string{
		"EBB_EVENT=file_transferred", fmt.Sprintf("EBB_EVENT_ID=%d", id), "EBB_JOB_ID=" + string(j.ID), "EBB_STATE=suspended",
		"EBB_NAME=näme\nwithall = sorts", "EBB_FILE=/data/a", "EBB_SOCKET=/run/other.sock", "LANG=de_DE.UTF-8",
	} {
		if !slices.Contains(saw.Env, want) {
			t.Errorf("environment has no %q", want)
		}
	}
	if strings.Contains(strings.Join(saw.Env, " "), "hush") {
		t.Errorf("environment has secrets of ours: %q", saw.Env)
	}
	var payload Payload
	if err := json.Unmarshal(saw.Stdin, &payload); err != nil || !bytes.HasSuffix(saw.Stdin, []byte("}\n")) {
		t.Fatalf("standard input %q: %v", saw.Stdin, err)
	}
	if payload.ID != id || payload.Event != job.NoticeFileTransferred || payload.Job.ID != j.ID || payload.File == nil || payload.File.ID != 1 {
		t.Errorf("payload %+v is not the notice", payload)
	}
}

func TestErrorReachesTheCommand(t *testing.T) {
	t.Parallel()
	e := &entry{}
	e.Kind, e.Job.Error = job.NoticeError, &job.Error{Text: "the disk is full"}
	if got := variables(e); !slices.Contains(got, "EBB_ERROR=the disk is full") {
		t.Errorf("variables %q have no EBB_ERROR", got)
	}
	e.Kind = job.NoticeTransferred
	if got := strings.Join(variables(e), " "); strings.Contains(got, "EBB_ERROR") || strings.Contains(got, "EBB_FILE") {
		t.Errorf("variables %q tell of an error or a file", got)
	}
}

func TestCommandThatCannotSucceed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		change   func(*job.Job)
		hopeless bool
		want     string
	}{
		{"fails", toCommand(t, "fail", ""), false, "exit status 3"},
		{"is not there", func(j *job.Job) { j.NotifyCommand = []string{filepath.Join(t.TempDir(), "none.exe")} }, false, "none.exe"},
		{"is searched for", func(j *job.Job) { j.NotifyCommand = []string{"true"} }, true, "not a full path"},
		{"is relative", func(j *job.Job) { j.NotifyCommand = []string{"./true"} }, true, "not a full path"},
		{"is empty", func(j *job.Job) { j.NotifyCommand = []string{""} }, true, "not a full path"},
		{"owner is nobody we know", func(j *job.Job) {
			toCommand(t, "fail", "")(j)
			j.Owner = "somebody"
		}, false, "somebody"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			j := f.newJob(tt.change)
			f.put(j, job.NoticeTransferred)
			got := f.command(t.Context(), j, f.entry(), nil)
			if got == nil || got.hopeless != tt.hopeless || !strings.Contains(got.Error(), tt.want) {
				t.Errorf("command = %+v; want an error with %q, hopeless %v", got, tt.want, tt.hopeless)
			}
		})
	}
}

func TestOutputOfAFailedCommandIsLogged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	j := f.newJob(toCommand(t, "fail", ""))
	f.put(j, job.NoticeTransferred)
	f.attempt(t.Context(), f.entry())
	f.log.want(t, "line on stdout", "line on stderr", "exit status 3", string(j.ID))

	j = f.newJob(toCommand(t, "chatter", ""))
	got := f.command(t.Context(), j, &entry{}, nil)
	if got == nil || len(got.output) != maxOutput || !strings.HasSuffix(got.output, "xxthe end") {
		t.Errorf("kept %d bytes of the output, want the last %d", len(got.output), maxOutput)
	}
}

// listener accepts the connections of commands that run.
func listener(t *testing.T) (addr string, started <-chan net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := make(chan net.Conn, 8)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	return l.Addr().String(), conns
}

func wantEnded(t *testing.T, conn net.Conn) {
	t.Helper()
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("the process still runs: %v", err)
	}
}

func TestCommandThatHangsIsEnded(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.commandTimeout = 100 * time.Millisecond
	addr, _ := listener(t)
	j := f.newJob(toCommand(t, "stubborn", addr))
	got := f.command(t.Context(), j, &entry{}, nil)
	if got == nil || got.hopeless || !strings.Contains(got.Error(), "longer than 100ms") {
		t.Errorf("command = %v, want that it took too long", got)
	}
}

// A command may leave a process behind; that does not hold up the next notice.
func TestCommandThatLeavesItsOutputOpenSucceeds(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	addr, started := listener(t)
	j := f.newJob(toCommand(t, "orphan", addr))
	if got := f.command(t.Context(), j, &entry{}, nil); got != nil {
		t.Errorf("command = %v", got)
	}
	receive(t, started).Close() // ends the process
}

func TestEndOfRunEndsCommandsAndAllTheyStarted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.drainTimeout = time.Millisecond
	addr, started := listener(t)
	f.put(f.newJob(toCommand(t, "hang", addr)), job.NoticeTransferred)
	stop := f.run()
	one, two := receive(t, started), receive(t, started)
	stop()
	wantEnded(t, one)
	wantEnded(t, two)
	if waiting := f.pending(); len(waiting) != 1 || waiting[0].Attempts != 0 {
		t.Errorf("waiting: %+v; want the notice, and no attempt that counts", waiting)
	}
}

func TestCommandStartsAtTheRootWithoutAHome(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	root := filepath.VolumeName(dir) + string(filepath.Separator)
	for home, want := range map[string]string{dir: dir, "": root, file: root, filepath.Join(dir, "none"): root} {
		if got := folder(home, dir); got != want {
			t.Errorf("folder(%q) = %q, want %q", home, got, want)
		}
	}
}

func TestTail(t *testing.T) {
	t.Parallel()
	var all string
	var kept tail
	for i := range 200 {
		part := strings.Repeat(string(rune('a'+i%26)), i*7%131)
		all += part
		if n, err := kept.Write([]byte(part)); n != len(part) || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
		if want := all[max(0, len(all)-maxOutput):]; kept.String() != want {
			t.Fatalf("after %d bytes: kept %d, not the last %d", len(all), len(kept.kept), len(want))
		}
	}
}
