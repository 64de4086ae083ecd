// Package memstore is a store in memory: for tests, and for programs that want nothing to
// outlive them. It keeps encoded copies, as a store on disk does, so a value that is shared
// by mistake shows itself.
package memstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// ErrInjected is what Commit returns for an outcome other than [OK].
var ErrInjected = errors.New("injected fault")

// Outcome is how one Commit ends.
type Outcome int

// The outcomes. The caller of Commit cannot tell the last two apart.
const (
	OK            Outcome = iota
	Lost                  // nothing is stored, ErrInjected is returned
	KeptButFailed         // all is stored, yet ErrInjected is returned
)

// Option changes how a store behaves.
type Option func(*Store)

// Fault makes fate decide how each Commit ends. n is 1 for the first batch. Fate is called
// without overlap and must not call the store.
func Fault(fate func(n int, b store.Batch) Outcome) Option {
	return func(s *Store) { s.fate = fate }
}

// Store is a [store.Store] in memory.
type Store struct {
	fate func(n int, b store.Batch) Outcome

	mu      sync.RWMutex // guards all below
	closed  bool
	commits int
	kept    records
}

var _ store.Store = (*Store)(nil)

// records is what a store on disk would find again.
type records struct {
	jobs       map[job.ID]*record
	seqs       map[uint64]job.ID
	secrets    map[secretKey][]byte
	usage      map[string]store.Usage // by owner
	outbox     []notice               // in the order of their IDs
	lastSeq    uint64
	lastNotice uint64
}

type record struct {
	seq      uint64
	final    bool
	modified time.Time
	data     []byte
	files    map[job.FileID][]byte
	answers  map[job.FileID][]byte
}

type secretKey struct {
	job  job.ID
	name string
}

type notice struct {
	id       uint64
	job      job.ID
	data     []byte
	pending  bool
	attempts int
	next     time.Time
}

// New returns an empty store.
func New(opts ...Option) *Store {
	s := &Store{kept: records{
		jobs: map[job.ID]*record{}, seqs: map[uint64]job.ID{}, secrets: map[secretKey][]byte{}, usage: map[string]store.Usage{},
	}}
	for _, opt := range opts {
		opt(s)
	}
	return s
}

// Reopen closes s, as the end of its process would, and returns a store that holds what s
// held. Faults stay and go on counting. The next time, reopen the store it returned.
func (s *Store) Reopen() *Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	kept := s.kept
	s.kept = records{}
	return &Store{fate: s.fate, commits: s.commits, kept: kept}
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// Commit implements [store.Store].
func (s *Store) Commit(ctx context.Context, b store.Batch) ([]uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	s.commits++
	outcome := OK
	if s.fate != nil {
		outcome = s.fate(s.commits, b)
	}
	if outcome == Lost {
		return nil, ErrInjected
	}
	enc, err := s.kept.encode(b)
	if err != nil {
		return nil, err
	}
	ids := s.kept.apply(b, enc)
	if outcome == KeptButFailed {
		return nil, ErrInjected
	}
	return ids, nil
}

// Prune implements [store.Store].
func (s *Store) Prune(ctx context.Context, then time.Time, keep int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return 0, err
	}
	pending := map[job.ID]bool{}
	for _, n := range s.kept.outbox {
		if n.pending {
			pending[n.job] = true
		}
	}
	final := s.kept.sorted(true)
	deleted := 0
	for i, rec := range final {
		id := s.kept.seqs[rec.seq]
		beyond := len(final)-i > keep
		if (beyond || rec.modified.Before(then)) && !pending[id] {
			s.kept.forget(id)
			deleted++
		}
	}
	return deleted, nil
}

// Delivered implements [store.Store].
func (s *Store) Delivered(ctx context.Context, id uint64, done bool, next time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usable(ctx); err != nil {
		return err
	}
	i := slices.IndexFunc(s.kept.outbox, func(n notice) bool { return n.id == id && n.pending })
	if i < 0 {
		return fmt.Errorf("pending notice %d: %w", id, store.ErrNotFound)
	}
	n := &s.kept.outbox[i]
	if done {
		n.pending = false
		s.kept.forgetSpent(n.job)
		return nil
	}
	n.attempts++
	n.next = next.Round(0)
	return nil
}

// usable is the error of a call that cannot begin.
func (s *Store) usable(ctx context.Context) error {
	if s.closed {
		return store.ErrClosed
	}
	return ctx.Err()
}
