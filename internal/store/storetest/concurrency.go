package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

func testValuesAreNotShared(f *folder) {
	j, want := fullJob(), fullJob()
	sealed := []byte("sealed")
	n := noticeOf(j, job.NoticeError)
	n.File = &job.File{ID: 1, URL: "u", Filled: job.Prefix(3)}
	f.commit(store.Batch{
		Jobs: []store.Change{whole(j)}, Notices: []store.Notice{n},
		Secrets: []store.Secret{{Job: j.ID, Name: "a", Sealed: sealed}},
	})
	deface := func(j job.Job) {
		j.NotifyCommand[0], j.Credentials[0].Scheme, j.HeaderNames[0] = "x", "x", "x"
		j.Error.Text, j.Error.Schemes[0] = "x", "x"
		file, _ := j.Files.Get(1)
		if len(file.Filled) > 0 {
			file.Filled[0] = job.Range{Start: 7, End: 8}
		}
	}
	deface(j)
	sealed[0], n.File.URL = 'x', "x"

	loaded, _ := f.load()
	f.equal("Load", loaded, []job.Job{want})
	deface(loaded[0])
	f.equal("Job", f.job(j.ID), want)
	deface(f.job(j.ID))
	f.equal("Job", f.job(j.ID), want)

	got, err := f.s.Secret(f.Context(), j.ID, "a")
	if err != nil {
		f.Fatal(err)
	}
	got[0] = 'x'
	f.wantSecret(j.ID, "a", "sealed")

	for range 2 {
		notice := f.notices(0, 1)[0]
		if notice.File.URL != "u" || notice.Job.HeaderNames[0] != "X-A" {
			f.Fatalf("the stored notice changed to %+v", notice)
		}
		notice.File.URL, notice.Job.HeaderNames[0] = "x", "x"
	}
}

func testCancelledContext(f *folder) {
	f.put(newJob(1, 1))
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	for name, call := range calls(f.s) {
		if err := call(ctx); !errors.Is(err, context.Canceled) {
			f.Errorf("%s = %v, want context.Canceled", name, err)
		}
	}
	f.wantLoaded(newJob(1, 1))
}

func testClosedStore(f *folder) {
	f.put(newJob(1, 1))
	closed := f.s
	f.reopen()
	for name, call := range calls(closed) {
		if err := call(f.Context()); !errors.Is(err, store.ErrClosed) {
			f.Errorf("%s = %v, want ErrClosed", name, err)
		}
	}
	if err := closed.Close(); err != nil {
		f.Errorf("second Close = %v", err)
	}
	f.wantLoaded(newJob(1, 1))
}

// calls are all methods but Close, none of which has anything to complain about but its
// context and a store that is closed.
func calls(s store.Store) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"Load": func(ctx context.Context) error {
			_, err := s.Load(ctx, func(job.Job) error { return nil })
			return err
		},
		"Commit": func(ctx context.Context) error {
			_, err := s.Commit(ctx, store.Batch{Jobs: []store.Change{whole(newJob(50, 1))}})
			return err
		},
		"Job":     func(ctx context.Context) error { _, err := s.Job(ctx, idOf(1)); return err },
		"History": func(ctx context.Context) error { _, err := s.History(ctx, 0, 1); return err },
		"Prune":   func(ctx context.Context) error { _, err := s.Prune(ctx, noon, 0); return err },
		"Secret":  func(ctx context.Context) error { _, err := s.Secret(ctx, idOf(1), "a"); return err },
		"Notices": func(ctx context.Context) error { _, err := s.Notices(ctx, 0, 1); return err },
		"Pending": func(ctx context.Context) error { _, err := s.Pending(ctx); return err },
		"Usage":   func(ctx context.Context) error { _, err := s.Usage(ctx); return err },
		"Delivered": func(ctx context.Context) error {
			return s.Delivered(ctx, 1, true, time.Time{})
		},
	}
}

func testConcurrentUse(f *folder) {
	const writers, each = 16, 20
	var wg sync.WaitGroup
	ids := make(chan uint64, writers*each)
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				j := newJob(uint64(w*each+i+1), 2)
				got, err := f.s.Commit(f.Context(), store.Batch{
					Jobs: []store.Change{whole(j)}, Notices: []store.Notice{pendingNotice(j)},
					Secrets: []store.Secret{{Job: j.ID, Name: "a", Sealed: []byte(j.ID)}},
				})
				if err == nil && i%5 == 0 {
					err = f.s.Delivered(f.Context(), got[0], true, time.Time{})
				}
				if err == nil && i%5 == 1 {
					// A batch that is refused takes none of its neighbors with it.
					if _, bad := f.s.Commit(f.Context(), store.Batch{Notices: []store.Notice{noticeOf(newJob(9999, 0), 0)}}); bad == nil {
						err = errors.New("a notice of no job was stored")
					}
				}
				if err == nil && i%10 == 2 {
					err = f.readBack(j)
				}
				if err != nil {
					f.Error(err)
					return
				}
				ids <- got[0]
			}
		})
	}
	wg.Wait()
	close(ids)
	seen := map[uint64]bool{}
	for id := range ids {
		if seen[id] {
			f.Errorf("notice ID %d was given twice", id)
		}
		seen[id] = true
	}
	f.alsoReopened(func() {
		jobs, last := f.load()
		if len(jobs) != writers*each || last != writers*each || len(f.notices(0, 1<<20)) != writers*each {
			f.Errorf("%d jobs, last Seq %d, want %d", len(jobs), last, writers*each)
		}
		if pending, err := f.s.Pending(f.Context()); err != nil || len(pending) != writers*each*4/5 {
			f.Errorf("%d notices wait, error %v, want %d", len(pending), err, writers*each*4/5)
		}
	})
}

// readBack finds j, just committed, by every reading method.
func (f *folder) readBack(j job.Job) error {
	got, err := f.s.Job(f.Context(), j.ID)
	if err != nil || got.Files.Len() != 2 {
		return fmt.Errorf("after Commit, Job has %d files, %w", got.Files.Len(), err)
	}
	if s, err := f.s.Secret(f.Context(), j.ID, "a"); err != nil || string(s) != string(j.ID) {
		return fmt.Errorf("after Commit, Secret = %q, %w", s, err)
	}
	found := errors.New("found")
	if _, err := f.s.Load(f.Context(), func(l job.Job) error {
		if l.ID == j.ID {
			return found
		}
		return nil
	}); !errors.Is(err, found) {
		return fmt.Errorf("after Commit, Load does not yield the job: %w", err)
	}
	if n, err := f.s.Notices(f.Context(), 0, 5); err != nil || len(n) == 0 {
		return fmt.Errorf("after Commit there are %d notices, %w", len(n), err)
	}
	_, err = f.s.Pending(f.Context())
	return err
}

// Close lets calls in progress end: what was acknowledged is there, the rest is refused.
func testCloseWaits(f *folder) {
	const writers = 8
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex // guards acked
		acked []job.ID
	)
	started := make(chan struct{}, writers)
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				j := newJob(uint64(w*100000+i+1), 1)
				_, err := f.s.Commit(f.Context(), store.Batch{Jobs: []store.Change{whole(j)}})
				if errors.Is(err, store.ErrClosed) {
					return
				}
				if err != nil {
					f.Errorf("Commit while closing: %v", err)
					return
				}
				mu.Lock()
				acked = append(acked, j.ID)
				mu.Unlock()
				if i == 0 {
					started <- struct{}{}
				}
			}
		})
	}
	for range writers {
		<-started
	}
	err := f.s.Close()
	wg.Wait()
	if err != nil {
		f.Fatalf("Close: %v", err)
	}
	f.s = f.open()
	for _, id := range acked {
		f.job(id)
	}
}
