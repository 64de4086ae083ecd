package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/ebb-transfer/ebb/internal/config"
	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/job"
)

// TestSweepSparesNewJobs: the house is kept while jobs come and go, and a job that begins meanwhile
// keeps its partial file.
func TestSweepSparesNewJobs(t *testing.T) {
	srv := ebbtest.NewServer(t, ebbtest.Size(1<<20), ebbtest.Rate(100<<10))
	svc, err := Open(t.Context(), t.TempDir(), Options{Version: "test", Config: config.Default(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = svc.Run(ctx) })
	folder := t.TempDir()
	for n := range 2000 { // what a folder of downloads holds: to read it takes a while
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprint("other", n)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	wg.Go(func() {
		for ctx.Err() == nil {
			if err := svc.sweep(ctx); err != nil && ctx.Err() == nil {
				t.Errorf("sweep: %v", err)
			}
		}
	})
	spec := job.Spec{Settings: job.DefaultSettings(), Resume: true}
	spec.Priority = job.Foreground
	var ids []job.ID
	for n := range 8 {
		spec.Files = []job.FileSpec{{URL: srv.URL, Local: filepath.Join(folder, fmt.Sprint("new", n))}}
		snap, err := svc.Engine.Create(t.Context(), engine.Actor{ID: "uid:1"}, spec)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, snap.ID)
		w, err := svc.Engine.Watch(t.Context(), 0, func(s job.Snapshot) bool { return s.ID == snap.ID })
		if err != nil {
			t.Fatal(err)
		}
		for moving := false; !moving; {
			snaps, err := w.Next(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			moving = snaps[len(snaps)-1].State == job.Transferring
		}
		w.Close()
	}
	for _, id := range ids {
		part, _ := filepath.Glob(filepath.Join(folder, ".ebb-*"+string(id)+"*"))
		if len(part) != 1 {
			t.Errorf("the partial file of job %s is gone", id)
		}
	}
	cancel()
	wg.Wait()
	if err := svc.Close(); err != nil {
		t.Error(err)
	}
}
