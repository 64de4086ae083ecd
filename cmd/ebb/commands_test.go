package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// serversKey is where a script keeps its servers.
type serversKey struct{}

type servers struct {
	t      testing.TB
	byName map[string]*ebbtest.Server
	calls  map[string]<-chan webhookCall // of the webhooks
}

func serversOf(ts *testscript.TestScript) *servers { return ts.Value(serversKey{}).(*servers) }

func serverOf(ts *testscript.TestScript, name string) *ebbtest.Server {
	s := serversOf(ts).byName[name]
	if s == nil {
		ts.Fatalf("there is no server %s", name)
	}
	return s
}

// server NAME [OPTION=VALUE...] starts an HTTP server with one file at any path; $NAME is its URL without
// a path, $NAME_HOST its host and port. With tls, ca.pem and client.pem are the certificates to use it with.
func server(ts *testscript.TestScript, _ bool, args []string) {
	s := ebbtest.NewServer(serversOf(ts).t, serverOptions(ts, args[1:])...)
	serversOf(ts).byName[args[0]] = s
	ts.Setenv(args[0], s.Base)
	ts.Setenv(args[0]+"_HOST", strings.TrimPrefix(s.Base, "http://"))
	ts.Setenv(args[0]+"_SHA256", s.SHA256())
	if slices.Contains(args, "tls") {
		ts.Check(os.WriteFile(ts.MkAbs("ca.pem"), []byte(s.CACert()), 0o600))
		ts.Check(os.WriteFile(ts.MkAbs("client.pem"), s.ClientCert(), 0o600))
	}
}

// change NAME OPTION=VALUE... changes a server while it runs.
func change(ts *testscript.TestScript, _ bool, args []string) {
	serverOf(ts, args[0]).Set(serverOptions(ts, args[1:])...)
}

// serverOptions: size, stall and rate in bytes, status for every answer, basic=USER:PASSWORD, name of the file, tls that
// demands a client certificate, expired for one of the server, redirect to a URL.
func serverOptions(ts *testscript.TestScript, args []string) []ebbtest.Option {
	var out []ebbtest.Option
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		n, _ := strconv.ParseInt(value, 10, 64)
		switch name {
		case "size":
			out = append(out, ebbtest.Size(n))
		case "stall":
			out = append(out, ebbtest.StallBody(n))
		case "rate":
			out = append(out, ebbtest.Rate(n))
		case "status":
			out = append(out, ebbtest.EveryStatus(int(n)))
		case "basic":
			user, password, _ := strings.Cut(value, ":")
			out = append(out, ebbtest.BasicAuth(user, password))
		case "name":
			out = append(out, ebbtest.Header("Content-Disposition", `attachment; filename="`+value+`"`))
		case "tls":
			out = append(out, ebbtest.ClientCert())
		case "expired":
			out = append(out, ebbtest.ExpiredCert())
		case "redirect":
			out = append(out, ebbtest.RedirectTo(http.StatusFound, value))
		default:
			ts.Fatalf("unknown server option %s", arg)
		}
	}
	return out
}

// whole FILE NAME demands that the file has the bytes that the server serves.
func whole(ts *testscript.TestScript, neg bool, args []string) {
	want := new(bytes.Buffer)
	_, err := want.ReadFrom(serverOf(ts, args[1]).Content())
	ts.Check(err)
	if same := ts.ReadFile(args[0]) == want.String(); same == neg {
		ts.Fatalf("%s is the file of %s: %v", args[0], args[1], same)
	}
}

// parts FILE NAME OFFSET:LENGTH... demands that the file has those parts of what the server serves, and no more.
func parts(ts *testscript.TestScript, _ bool, args []string) {
	all, err := io.ReadAll(serverOf(ts, args[1]).Content())
	ts.Check(err)
	var want []byte
	for _, part := range args[2:] {
		from, length, _ := strings.Cut(part, ":")
		n, err := strconv.Atoi(from)
		ts.Check(err)
		size, err := strconv.Atoi(length)
		ts.Check(err)
		want = append(want, all[n:n+size]...)
	}
	if got := ts.ReadFile(args[0]); got != string(want) {
		ts.Fatalf("%s has %d bytes, which are not the %d of %v", args[0], len(got), len(want), args[2:])
	}
}

// looks FILE demands that the last command has printed what the file has, where … stands for any text in a line, and
// $NAME for the variable.
func looks(ts *testscript.TestScript, _ bool, args []string) {
	want := os.Expand(ts.ReadFile(args[0]), ts.Getenv)
	pattern := "^" + strings.ReplaceAll(regexp.QuoteMeta(want), "…", ".*") + "$"
	if got := ts.ReadFile("stdout"); !regexp.MustCompile(pattern).MatchString(got) {
		ts.Fatalf("want\n%s\ngot\n%s", want, got)
	}
}

// expand FILE... puts the values of variables into files.
func expand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(os.Expand(ts.ReadFile(name), ts.Getenv)), 0o600))
	}
}

// sent NAME N demands that the server has sent at most N bytes.
func sent(ts *testscript.TestScript, _ bool, args []string) {
	limit, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	if n := serverOf(ts, args[0]).Sent(); n > limit {
		ts.Fatalf("%s has sent %d bytes, want at most %d", args[0], n, limit)
	}
}

// exits CODE COMMAND... runs a command and demands its exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}

// id NAME puts the job's ID, which the last command printed as it is or in JSON, into $NAME.
func id(ts *testscript.TestScript, _ bool, args []string) {
	out := ts.ReadFile("stdout")
	var j struct{ ID string }
	if json.Unmarshal([]byte(out), &j) == nil {
		out = j.ID
	}
	ts.Setenv(args[0], strings.TrimSpace(out))
}

// waitjob ID|- KEY=VALUE... waits until the daemon has the job, or any job (-), in that state with at
// least that many bytes; it then puts the job's ID into $ID.
func waitJob(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := connect(ctx, ts)
	defer client.Close()
	var ids []string
	if args[0] != "-" {
		ids = args[:1]
	}
	for snap, err := range client.Watch(ctx, ids...) {
		if err != nil {
			ts.Fatalf("waiting for %s: %v", strings.Join(args[1:], " "), err)
		}
		if satisfies(ts, snap, args[1:]) {
			ts.Setenv("ID", string(snap.ID))
			return
		}
	}
}

func satisfies(ts *testscript.TestScript, snap job.Snapshot, conditions []string) bool {
	for _, c := range conditions {
		key, value, _ := strings.Cut(c, "=")
		switch key {
		case "state":
			if snap.State.String() != value {
				return false
			}
		case "bytes":
			n, err := strconv.ParseInt(value, 10, 64)
			ts.Check(err)
			if snap.Transferred < n {
				return false
			}
		default:
			ts.Fatalf("unknown condition %s", c)
		}
	}
	return true
}

// hidden TEXT DIR demands that no file below the folder holds the text.
func hidden(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(filepath.WalkDir(ts.MkAbs(args[1]), func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(name)
		if bytes.Contains(b, []byte(args[0])) {
			ts.Fatalf("%s holds %q", name, args[0])
		}
		return err
	}))
}

// signal SIGNAL daemon|- sends TERM or KILL to the daemon, or to the last background command (-), and
// waits until a daemon has gone.
func signal(ts *testscript.TestScript, _ bool, args []string) {
	sig := map[string]os.Signal{"TERM": syscall.SIGTERM, "KILL": os.Kill}[args[0]]
	if args[1] == "-" {
		running := ts.BackgroundCmds()
		ts.Check(running[len(running)-1].Process.Signal(sig))
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := connect(ctx, ts)
	defer client.Close()
	status, err := client.Status(ctx)
	ts.Check(err)
	process, err := os.FindProcess(status.Daemon.PID)
	ts.Check(err)
	ts.Check(process.Signal(sig))
	for {
		if _, err := client.Status(ctx); errors.Is(err, ebb.ErrUnavailable) {
			return
		}
		ts.Check(ctx.Err())
	}
}

// interrupt presses Ctrl-C until the last background command has gone. (Two in one moment would be one; and one that comes
// while a busy machine ends a command kills it.)
func interrupt(ts *testscript.TestScript, _ bool, _ []string) {
	running := ts.BackgroundCmds()
	for {
		err := running[len(running)-1].Process.Signal(os.Interrupt)
		if errors.Is(err, os.ErrProcessDone) {
			return
		}
		ts.Check(err)
		<-time.After(500 * time.Millisecond)
	}
}

// waitdaemon waits until the daemon that was just started answers: until then, a command would start another.
func waitDaemon(ts *testscript.TestScript, _ bool, _ []string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	connect(ctx, ts).Close()
}

// connect waits for the script's daemon; a command in the background may be about to start it.
func connect(ctx context.Context, ts *testscript.TestScript) *ebb.Client {
	for {
		client, err := ebb.Dial(ctx, ebb.Options{Socket: cmp.Or(ts.Getenv("EBB_SOCKET"), filepath.Join(ts.Getenv("EBB_STATE_DIR"), "ebb.sock"))})
		if err == nil {
			return client
		}
		select {
		case <-ctx.Done():
			ts.Fatalf("no daemon: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// waitpartial PREFIX N waits until a file in the current folder whose name begins so has at least N bytes:
// the partial file of a process that nobody can ask.
func waitPartial(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		names, err := filepath.Glob(filepath.Join(ts.MkAbs("."), args[0]+"*"))
		ts.Check(err)
		for _, name := range names {
			if info, err := os.Stat(name); err == nil && info.Size() >= want {
				return
			}
		}
		<-time.After(10 * time.Millisecond)
	}
	ts.Fatalf("no file %s* with %d bytes", args[0], want)
}

// waitlines FILE N [PATTERN] waits until a file has at least N lines, or N in which the pattern is found: what a command in
// the background has printed.
func waitLines(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	pattern, err := regexp.Compile(strings.Join(args[2:], " "))
	ts.Check(err)
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		n := 0
		if b, err := os.ReadFile(ts.MkAbs(args[0])); err == nil {
			for line := range bytes.Lines(b) {
				if bytes.HasSuffix(line, []byte("\n")) && pattern.Match(line) {
					n++
				}
			}
		}
		if n >= want {
			return
		}
		<-time.After(10 * time.Millisecond)
	}
	ts.Fatalf("%s has fewer than %d lines %s", args[0], want, pattern)
}
