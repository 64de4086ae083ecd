package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/job"
)

// failing is a store whose commits fail while the switch is on.
func failing() (*memstore.Store, *atomic.Bool) {
	var on atomic.Bool
	return memstore.New(memstore.Fault(func(int, store.Batch) memstore.Outcome {
		if on.Load() {
			return memstore.Lost
		}
		return memstore.OK
	})), &on
}

// TestLettersDieWithTheirSession: what workers of before a failed commit had to say is about records that
// are not the truth any more.
func TestLettersDieWithTheirSession(t *testing.T) {
	st, broken := failing()
	b := newBenchOn(t, t.TempDir(), st)
	spec := b.download("http://127.0.0.1:9/x")
	spec.Resume = false
	id := b.create(spec).ID
	current := func() *session {
		s, err := ask(t.Context(), b.Engine, func(s *session) (*session, error) { return s, nil })
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := current()
	broken.Store(true)
	if _, err := b.Do(t.Context(), id, job.Cancel{}); !errors.Is(err, ErrUnknown) {
		t.Fatalf("Cancel: %v, want ErrUnknown", err)
	}
	broken.Store(false)
	if current() == before {
		t.Fatal("the session goes on after a failed commit")
	}
	var read atomic.Bool
	for range 30 { // a session that has ended takes a letter by chance only
		before.post(func(*session) { read.Store(true) })
	}
	current()
	if read.Load() {
		t.Error("a letter of the session before was read")
	}
}

// TestFailedCommitSaysWhy: the owner of a full disk has to know that it is full.
func TestFailedCommitSaysWhy(t *testing.T) {
	st, broken := failing()
	b := newBenchOn(t, t.TempDir(), st)
	broken.Store(true)
	_, err := b.Create(t.Context(), Actor{ID: "uid:1"}, job.Spec{Settings: job.DefaultSettings()})
	if !errors.Is(err, ErrUnknown) || !errors.Is(err, memstore.ErrInjected) {
		t.Errorf("Create: %v, want ErrUnknown and its cause", err)
	}
	broken.Store(false)
}

// damagedStore cannot be read.
type damagedStore struct{ *memstore.Store }

func (damagedStore) Load(context.Context, func(job.Job) error) (uint64, error) {
	return 0, &job.Error{Code: job.DatabaseCorrupt, Class: job.NeedsAction, Text: "the database is damaged"}
}

// TestDamagedStoreEndsTheEngine: no number of tries mends a database, and who asks meanwhile gets no answer.
func TestDamagedStoreEndsTheEngine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Config{Store: damagedStore{memstore.New()}, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var damaged *job.Error
		if err := e.Run(ctx); !errors.As(err, &damaged) || damaged.Code != job.DatabaseCorrupt {
			t.Errorf("Run: %v, want the error of the store", err)
		}
	})
}
