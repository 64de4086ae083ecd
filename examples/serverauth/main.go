// Command serverauth downloads a file from a server that asks for authentication: the classic BITS sample
// of that name, step by step, on package ebb.
//
//	serverauth https://example.com/report.pdf report.pdf DIGEST alice secret
//
// A user name and password spelled NULL mean none: the credentials of the logged-on user. As with the
// original, the password on the command line is visible to other users of the machine, and BASIC sends it over plain
// http as well, here with a warning; a real program does neither.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

const usage = `Usage:
serverauth [remote name] [local name] [server authentication scheme = "NTLM"|"NEGOTIATE"|"BASIC"|"DIGEST"|"PASSPORT"] [username] [password]`

// callbackTime is how long the sample waits to be called back.
const callbackTime = 15 * time.Minute

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout))
}

// run is the sample: it returns the exit code.
func run(ctx context.Context, args []string, out io.Writer) int {
	if len(args) != 5 {
		_, _ = fmt.Fprintln(out, usage)
		return 1
	}
	remote, local, user, password := args[0], args[1], args[3], args[4]
	scheme, ok := schemeOf(args[2])
	if !ok {
		_, _ = fmt.Fprintln(out, "Invalid authentication scheme specified")
		return 1
	}
	if err := download(ctx, remote, local, credentials(scheme, user, password), out); err != nil {
		_, _ = fmt.Fprintf(out, "Error %s: %v\n", codeOf(err).Hex(), err)
		return 1
	}
	return 0
}

// schemeOf looks a scheme up by its name in BITS, ignoring case.
func schemeOf(name string) (string, bool) {
	for _, scheme := range []string{"NTLM", "NEGOTIATE", "BASIC", "DIGEST", "PASSPORT"} {
		if strings.EqualFold(name, scheme) {
			return strings.ToLower(scheme), true
		}
	}
	return "", false
}

// credentials are filled in for the server, not for a proxy. NULL stands for none, which is not the same as empty.
func credentials(scheme, user, password string) job.Credential {
	c := job.Credential{Target: "server", Scheme: scheme}
	noUser, noPassword := strings.EqualFold(user, "NULL"), strings.EqualFold(password, "NULL")
	if !noUser {
		c.User = user
	}
	if !noPassword {
		c.Password, c.EmptyPassword = password, password == ""
	}
	c.Implicit = noUser && noPassword
	return c
}

// inTheClear reports whether everybody on the way to remote can read along.
func inTheClear(remote string) bool {
	u, err := url.Parse(remote)
	if err != nil || u.Scheme != "http" {
		return false
	}
	host, err := netip.ParseAddr(u.Hostname())
	return !strings.EqualFold(u.Hostname(), "localhost") && (err != nil || !host.IsLoopback())
}

// codeOf is the code of an error as BITS has it.
func codeOf(err error) job.Code {
	var known *job.Error
	if errors.As(err, &known) {
		return known.Code
	}
	return job.Unexpected
}

// download creates the job, waits for its callback and completes or cancels it.
func download(ctx context.Context, remote, local string, c job.Credential, out io.Writer) error {
	client, err := ebb.Dial(ctx, ebb.Options{Start: []string{"ebb", "daemon", "--auto"}})
	if err != nil {
		return err
	}
	defer client.Close()
	settings := job.DefaultSettings()
	settings.Name = "BitsAuthSample"
	if settings.Network.AllowCleartext = inTheClear(remote); settings.Network.AllowCleartext {
		_, _ = fmt.Fprintln(out, "Warning: the connection is not encrypted; others can read the file, and with BASIC the password")
	}
	j, err := client.Create(ctx, job.Spec{Type: job.Download, Settings: settings})
	if err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, callbackTime)
	defer cancel()
	called := callback(waiting, client, j.ID)
	if err := start(ctx, j, remote, local, c); err != nil {
		return errors.Join(err, undo(ctx, j))
	}
	event := <-called
	switch {
	case event.err != nil:
		return errors.Join(event.err, j.Cancel(ctx))
	case event.Kind == job.NoticeError:
		e := event.Job.Error
		_, _ = fmt.Fprintf(out, "Error context: %s, error code: %s\n", e.Context, e.Code.Hex())
		return errors.Join(e, j.Cancel(ctx))
	}
	if err := j.Complete(ctx); err != nil {
		return err
	}
	return j.Wait(ctx)
}

// start prepares the job and queues it.
func start(ctx context.Context, j *ebb.Job, remote, local string, c job.Credential) error {
	if err := j.Set(ctx, map[string]any{"notify_flags": job.NotifyTransferred | job.NotifyError}); err != nil {
		return err
	}
	if err := j.SetCredentials(ctx, c); err != nil {
		return err
	}
	local, err := filepath.Abs(local)
	if err != nil {
		return err
	}
	if err := j.AddFiles(ctx, job.FileSpec{URL: remote, Local: local}); err != nil {
		return err
	}
	return j.Resume(ctx)
}

// called is what the callback was told.
type called struct {
	ebb.Event
	err error
}

// callback sends the job's first notice. Events are durable, so none is missed however late this begins;
// it ends with that notice, or with ctx.
func callback(ctx context.Context, client *ebb.Client, id job.ID) <-chan called {
	out := make(chan called, 1)
	go func() {
		for event, err := range client.Follow(ctx, 0) {
			if err != nil || event.Job.ID == id {
				out <- called{event, err}
				return
			}
		}
	}()
	return out
}

// undo leaves nothing of a job that could not be started.
func undo(ctx context.Context, j *ebb.Job) error {
	if err := j.Cancel(ctx); err != nil {
		return err
	}
	_ = j.Wait(ctx) // it tells that the job is cancelled, as it should be
	return j.Forget(ctx)
}
