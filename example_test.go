package ebb_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
	"github.com/ebb-transfer/ebb/local"
)

// Most programs talk to the user's daemon, and start it when none runs.
func ExampleDial() {
	ctx := context.Background()
	client, err := ebb.Dial(ctx, ebb.Options{Start: []string{"ebb", "daemon", "--auto"}})
	if errors.Is(err, ebb.ErrUnavailable) {
		log.Fatal("is ebb installed? ", err)
	}
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	j, err := client.Create(ctx, ebb.Download("https://example.com/image.iso", "/srv/image.iso"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("the daemon fetches it, whatever becomes of this program: ebb attach", j.ID)
}

// playground is a service inside this program and a server to download from, for the examples.
func playground() (client *ebb.Client, server, folder string, end func()) {
	dir, err := os.MkdirTemp("", "ebb-example")
	if err != nil {
		log.Fatal(err)
	}
	svc, err := local.Open(context.Background(), filepath.Join(dir, "state"))
	if err != nil {
		log.Fatal(err)
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if r.URL.Path == "/secret" && (user != "alice" || password != "sesame") {
			w.Header().Set("WWW-Authenticate", `Basic realm="the cave"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "hello")
	}))
	return svc.Client, srv.URL, dir, func() {
		svc.Close()
		srv.Close()
		os.RemoveAll(dir)
	}
}

func ExampleClient_Create() {
	ctx := context.Background()
	client, server, folder, end := playground()
	defer end()
	spec := ebb.Download(server+"/greeting", filepath.Join(folder, "greeting"))
	spec.Name, spec.Priority = "a greeting", job.Foreground
	j, err := client.Create(ctx, spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := j.Wait(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(j.Name, "is", j.State, "with", j.Transferred, "bytes")
	// Output: a greeting is acknowledged with 5 bytes
}

// A wrong password leaves the job in error and keeps it; the right one lets it go on.
func ExampleJob_SetCredentials() {
	ctx := context.Background()
	client, server, folder, end := playground()
	defer end()
	j, err := client.Create(ctx, ebb.Download(server+"/secret", filepath.Join(folder, "secret")))
	if err != nil {
		fmt.Println(err)
		return
	}
	var refused *job.Error
	if errors.As(j.Wait(ctx), &refused) && refused.Class == job.NeedsAction {
		fmt.Println(j.State, refused.Code, "offered:", refused.Schemes)
	}
	err = j.SetCredentials(ctx, job.Credential{Target: "server", Scheme: "basic", User: "alice", Password: "sesame"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := j.Resume(ctx); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(j.Wait(ctx), j.State)
	// Output:
	// error BG_E_HTTP_ERROR_401 offered: [basic]
	// <nil> acknowledged
}

func ExampleClient_Jobs() {
	ctx := context.Background()
	client, _, _, end := playground()
	defer end()
	for _, name := range []string{"first", "second"} {
		spec := job.Spec{Settings: job.DefaultSettings()}
		spec.Name = name
		if _, err := client.Create(ctx, spec); err != nil {
			fmt.Println(err)
			return
		}
	}
	for j, err := range client.Jobs(ctx, false) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(j.Name, "is", j.State, "since", j.Waits)
	}
	// Output:
	// first is suspended since it has no files yet; add some and resume it
	// second is suspended since it has no files yet; add some and resume it
}

func ExampleClient_Watch() {
	ctx := context.Background()
	client, server, folder, end := playground()
	defer end()
	j, err := client.Create(ctx, ebb.Download(server+"/greeting", filepath.Join(folder, "greeting")))
	if err != nil {
		fmt.Println(err)
		return
	}
	for snap, err := range client.Watch(ctx, string(j.ID)) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if snap.State.Final() {
			fmt.Println(snap.Transferred, "of", snap.Size, "bytes")
			break
		}
	}
	// Output: 5 of 5 bytes
}

// Events are durable: a program that keeps the ID of the last one it has dealt with misses none.
func ExampleClient_Follow() {
	ctx := context.Background()
	client, server, folder, end := playground()
	defer end()
	if _, err := client.Create(ctx, ebb.Download(server+"/greeting", filepath.Join(folder, "greeting"))); err != nil {
		fmt.Println(err)
		return
	}
	var kept uint64 // by the program, with what it does about an event
	for event, err := range client.Follow(ctx, kept) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(event.Kind)
		kept = event.ID
		if event.Kind == job.NoticeAcknowledged {
			break
		}
	}
	fmt.Println(kept > 0)
	// Output:
	// transferred
	// acknowledged
	// true
}

// The same service runs inside a program, with its own state folder and without a daemon.
func Example_embedded() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "ebb-example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	svc, err := local.Open(ctx, dir)
	if errors.Is(err, local.ErrInUse) {
		fmt.Println("another process has the folder open")
		return
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	defer svc.Close()
	status, err := svc.Status(ctx)
	fmt.Println(status.Busy, status.Daemon == nil, err)
	// Output: false true <nil>
}
