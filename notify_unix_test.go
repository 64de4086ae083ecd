//go:build unix

package ebb_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// TestNotifyProcess is no test: it is the process that TestCommandTakesOverFromProcess kills.
func TestNotifyProcess(t *testing.T) {
	socket, id := os.Getenv("EBB_TEST_NOTIFY_SOCKET"), os.Getenv("EBB_TEST_NOTIFY_JOB")
	if socket == "" {
		t.Skip("only started by TestCommandTakesOverFromProcess")
	}
	client, err := ebb.Dial(t.Context(), ebb.Options{Socket: socket})
	must(t, err)
	j, err := client.Job(t.Context(), id)
	must(t, err)
	must(t, j.Notify(t.Context(), hanging{}))
}

// hanging never answers.
type hanging struct{ ebb.NopNotify }

func (hanging) JobTransferred(ctx context.Context, _ *ebb.Job) error {
	fmt.Println("called")
	<-ctx.Done()
	return ctx.Err()
}

// The process that set the callback is killed in the middle of it: the command takes its place.
func TestCommandTakesOverFromProcess(t *testing.T) {
	opts := standIn(t, "daemon")
	client, err := ebb.Dial(t.Context(), opts)
	must(t, err)
	defer stop(t, client)
	dir := t.TempDir()
	saw := filepath.Join(dir, "saw")
	spec := job.Spec{Settings: job.DefaultSettings()}
	spec.Priority = job.Foreground
	spec.NotifyCommand = []string{"/bin/sh", "-c", `echo "$EBB_EVENT" >"$0.new" && mv "$0.new" "$0"`, saw}
	spec.Files = []job.FileSpec{{URL: ebbtest.NewServer(t, ebbtest.Size(100)).URL, Local: filepath.Join(dir, "file")}}
	j, err := client.Create(t.Context(), spec)
	must(t, err)

	process := exec.Command(os.Args[0], "-test.run=^TestNotifyProcess$")
	process.Env = append(os.Environ(), "EBB_TEST_ROLE=", "EBB_TEST_NOTIFY_SOCKET="+opts.Socket, "EBB_TEST_NOTIFY_JOB="+string(j.ID))
	out, err := process.StdoutPipe()
	must(t, err)
	must(t, process.Start())
	for there := false; !there; {
		there, err = j.HasNotify(t.Context())
		must(t, err)
	}
	must(t, j.Resume(t.Context()))
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "called\n" {
		t.Errorf("the process says %q, %v", line, err)
	}
	if _, err := os.Stat(saw); err == nil {
		t.Error("the command has run although there is a callback")
	}
	must(t, process.Process.Kill())
	_ = process.Wait()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if b, err := os.ReadFile(saw); err == nil && string(b) == "transferred\n" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the command has not run")
		}
	}
	if there, err := j.HasNotify(t.Context()); there || err != nil {
		t.Errorf("it still has a callback, or %v", err)
	}
}
