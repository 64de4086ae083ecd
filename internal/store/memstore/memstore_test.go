package memstore_test

import (
	"errors"
	"testing"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/internal/store/storetest"
	"github.com/ebb-transfer/ebb/job"
)

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(*testing.T) func() store.Store {
		s := memstore.New()
		return func() store.Store {
			s = s.Reopen()
			return s
		}
	})
}

func TestFault(t *testing.T) {
	t.Parallel()
	outcomes := []memstore.Outcome{memstore.OK, memstore.Lost, memstore.KeptButFailed, memstore.OK}
	var asked []job.ID
	s := memstore.New(memstore.Fault(func(n int, b store.Batch) memstore.Outcome {
		asked = append(asked, b.Jobs[0].Job.ID)
		return outcomes[n-1]
	}))
	for i, outcome := range outcomes {
		j := job.Job{ID: job.ID([]string{"a", "b", "c", "d"}[i]), Seq: uint64(i + 1)}
		_, err := s.Commit(t.Context(), store.Batch{Jobs: []store.Change{{Job: j}}})
		if failed := errors.Is(err, memstore.ErrInjected); failed != (outcome != memstore.OK) || (err != nil) != failed {
			t.Errorf("commit %d with outcome %d = %v", i+1, outcome, err)
		}
		_, err = s.Job(t.Context(), j.ID)
		if lost := errors.Is(err, store.ErrNotFound); lost != (outcome == memstore.Lost) {
			t.Errorf("job of commit %d with outcome %d: %v", i+1, outcome, err)
		}
		s = s.Reopen() // faults go on counting
	}
	if len(asked) != len(outcomes) {
		t.Errorf("fate was asked for %v", asked)
	}
}
