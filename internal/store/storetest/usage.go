package storetest

import (
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

func usage(owner, since string, n int64) store.Usage {
	return store.Usage{Owner: owner, Since: since, Bytes: n}
}

func (f *folder) wantUsage(want ...store.Usage) {
	f.Helper()
	got, err := f.s.Usage(f.Context())
	if err != nil {
		f.Fatalf("Usage: %v", err)
	}
	f.equal("Usage", got, want)
}

func testUsage(f *folder) {
	f.wantUsage()
	j := newJob(1, 1)
	f.commit(store.Batch{
		Jobs:  []store.Change{whole(j)},
		Usage: []store.Usage{usage("uid:7", "2026-07-01", 1), usage("uid:1000", "2026-07-01", 1<<60), usage("O'Neill ü", "2026-07-01", 3)},
	})
	f.alsoReopened(func() {
		f.wantUsage(usage("O'Neill ü", "2026-07-01", 3), usage("uid:1000", "2026-07-01", 1<<60), usage("uid:7", "2026-07-01", 1))
	})

	again := store.Batch{Usage: []store.Usage{usage("uid:1000", "2026-06-29", 5), usage("uid:7", "2026-07-01", 2), usage("uid:7", "2026-08-01", 0)}}
	f.commit(again) // a batch of nothing else, whatever the period: the caller knows
	f.commit(again)
	want := []store.Usage{usage("O'Neill ü", "2026-07-01", 3), usage("uid:1000", "2026-06-29", 5), usage("uid:7", "2026-08-01", 0)}
	f.alsoReopened(func() { f.wantUsage(want...) })

	j.State = job.Acknowledged
	f.put(j)
	if n, err := f.s.Prune(f.Context(), time.Time{}, 0); n != 1 || err != nil {
		f.Fatalf("Prune: %d, %v", n, err)
	}
	f.alsoReopened(func() { f.wantUsage(want...) }) // who deletes jobs gets nothing back
}
