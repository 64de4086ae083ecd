package engine

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// slowStore takes a second for each commit.
type slowStore struct{ *memstore.Store }

func (s slowStore) Commit(ctx context.Context, b store.Batch) ([]uint64, error) {
	time.Sleep(time.Second)
	return s.Store.Commit(ctx, b)
}

// TestLastWordIsStoredBeforePublish: a job is completed while its last file is being synced. That the
// file is whole is stored before it gets its name, even if storing takes long.
func TestLastWordIsStoredBeforePublish(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		st := slowStore{memstore.New()}
		syncing, proceed := make(chan struct{}), make(chan struct{})
		var id job.ID
		intercept := func(c sink.Change, _ string, do func() error) error {
			switch {
			case c == sink.SyncFile:
				close(syncing)
				<-proceed
			case c == sink.Rename:
				j, err := st.Job(context.Background(), id)
				if f, _ := j.Files.Get(1); err != nil || !f.Done {
					t.Errorf("a file gets its name before it is stored that it is whole: %v", err)
				}
			}
			return do()
		}
		e := New(Config{
			Store: st, Sealer: plainSealer{}, Log: slog.New(slog.DiscardHandler),
			Sink:       sink.New(sink.Config{Instance: "test", Intercept: intercept}),
			Transports: map[string]transport.Downloader{"http": memSource{"http://host/x": []byte("content")}},
		})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- e.Run(ctx) }()
		b := &bench{Engine: e, t: t, dir: dir}
		id = b.create(b.download("http://host/x")).ID
		<-syncing
		b.do(id, job.Complete{})
		close(proceed)
		time.Sleep(time.Minute)
		if snap, err := b.Job(t.Context(), id); err != nil || snap.State != job.Acknowledged || snap.Result != job.OK {
			t.Errorf("the job is %v with result %v (%v)", snap.State, snap.Result, err)
		}
		if sum := sumOf(t, filepath.Join(dir, "filea")); sum == "" {
			t.Error("no file")
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
