package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

func testSecrets(f *folder) {
	const server, proxy = "credentials/server/basic", "credentials/proxy/any"
	f.put(newJob(1, 1), newJob(2, 1))
	f.commit(store.Batch{Secrets: []store.Secret{
		{Job: idOf(1), Name: server, Sealed: []byte("old")},
		{Job: idOf(1), Name: server, Sealed: []byte("new\x00\xff")},
		{Job: idOf(1), Name: proxy, Sealed: []byte("p")},
		{Job: idOf(1), Name: "empty", Sealed: []byte{}},
		{Job: idOf(2), Name: server, Sealed: []byte("other")},
	}})
	f.alsoReopened(func() {
		f.wantSecret(idOf(1), server, "new\x00\xff")
		f.wantSecret(idOf(1), proxy, "p")
		f.wantSecret(idOf(1), "empty", "")
		f.wantSecret(idOf(2), server, "other")
		f.wantNoSecret(idOf(2), proxy)
		f.wantNoSecret(idOf(3), server)
	})
	f.commit(store.Batch{Secrets: []store.Secret{{Job: idOf(1), Name: server}, {Job: idOf(9), Name: server}}})
	f.alsoReopened(func() {
		f.wantNoSecret(idOf(1), server)
		f.wantSecret(idOf(1), proxy, "p")
		f.wantSecret(idOf(2), server, "other")
	})
}

func testAllOrNothing(f *folder) {
	old := newJob(1, 1)
	f.put(old)
	changed := old
	changed.Name = "changed"
	good := store.Batch{
		Jobs:    []store.Change{{Job: changed}, whole(newJob(2, 1))},
		Notices: []store.Notice{noticeOf(old, job.NoticeError)},
		Secrets: []store.Secret{{Job: old.ID, Name: "a", Sealed: []byte("s")}},
		Usage:   []store.Usage{{Owner: "uid:1000", Since: "2026-07-01", Bytes: 1}},
	}
	twin := newJob(3, 1)
	twin.Seq = old.Seq
	for name, spoil := range map[string]func(*store.Batch){
		"a file the job does not have":    func(b *store.Batch) { b.Jobs = append(b.Jobs, store.Change{Job: newJob(4, 1), Files: []job.FileID{2}}) },
		"a sequence number that is taken": func(b *store.Batch) { b.Jobs = append(b.Jobs, whole(twin)) },
		"a notice of no job":              func(b *store.Batch) { b.Notices = append(b.Notices, noticeOf(newJob(5, 0), job.NoticeError)) },
		"a secret of no job": func(b *store.Batch) {
			b.Secrets = append(b.Secrets, store.Secret{Job: idOf(5), Name: "a", Sealed: []byte("s")})
		},
		"a time that has no text": func(b *store.Batch) {
			j := newJob(6, 0)
			j.Deadline = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
			b.Jobs = append(b.Jobs, whole(j))
		},
	} {
		f.Run(name, func(t *testing.T) {
			g := &folder{T: t, open: f.open, s: f.s}
			bad := store.Batch{Jobs: append([]store.Change(nil), good.Jobs...), Notices: good.Notices[:1:1], Secrets: good.Secrets[:1:1], Usage: good.Usage}
			spoil(&bad)
			if _, err := g.s.Commit(g.Context(), bad); err == nil {
				g.Fatal("Commit returned nil")
			}
			g.wantLoaded(old)
			g.wantNoSecret(old.ID, "a")
			g.wantUsage()
			g.equal("Notices", g.notices(0, 10), []store.Notice(nil))
		})
	}
	f.commit(good)
	f.wantLoaded(changed, newJob(2, 1))
}

func testNotices(f *folder) {
	j := newJob(1, 2)
	f.put(j)
	file, _ := j.Files.Get(2)
	first := noticeOf(j, job.NoticeFileTransferred)
	first.File = &file
	second := noticeOf(j, job.NoticeTransferred)
	second.Job.State, second.Job.Transferred, second.Job.Waits = job.Transferring, 12, "for a slot"
	second.Pending, second.Attempts, second.Next = true, 3, noon.Truncate(time.Second)
	third := noticeOf(fullJob(), job.NoticeAcknowledged)

	ids := f.commit(store.Batch{Notices: []store.Notice{first, second}})
	ids = append(ids, f.commit(store.Batch{Jobs: []store.Change{whole(fullJob())}, Notices: []store.Notice{third}})...)
	if !(0 < ids[0] && ids[0] < ids[1] && ids[1] < ids[2]) {
		f.Fatalf("IDs %v do not rise", ids)
	}
	first.ID, second.ID, third.ID = ids[0], ids[1], ids[2]
	all := []store.Notice{first, second, third}
	f.alsoReopened(func() {
		f.equal("Notices", f.notices(0, 100), all)
		f.equal("Notices", f.notices(0, 2), all[:2])
		f.equal("Notices", f.notices(ids[0], 1), all[1:2])
		f.equal("Notices", f.notices(ids[1], 100), all[2:])
		f.equal("Notices", f.notices(ids[2], 100), []store.Notice(nil))
		f.equal("Notices", f.notices(0, 0), []store.Notice(nil))
		f.wantPending(second)
	})
}

func testNoticeIDs(f *folder) {
	final := finalJob(1, 1, noon)
	notices := []store.Notice{noticeOf(final, job.NoticeTransferred), noticeOf(final, job.NoticeAcknowledged)}
	ids := f.commit(store.Batch{Jobs: []store.Change{whole(final)}, Notices: notices})
	last := ids[1]
	f.commit(store.Batch{Forget: []job.ID{final.ID}})
	f.reopen()
	ids = f.commit(store.Batch{Jobs: []store.Change{whole(final)}, Notices: notices})
	if ids[0] <= last {
		f.Errorf("ID %d follows %d, which was given before", ids[0], last)
	}
	last = ids[1]
	if n, err := f.s.Prune(f.Context(), time.Time{}, 0); n != 1 || err != nil {
		f.Fatalf("Prune = %d, %v", n, err)
	}
	ids = f.commit(store.Batch{Jobs: []store.Change{whole(final)}, Notices: notices})
	if ids[0] <= last {
		f.Errorf("ID %d follows %d, which was given before", ids[0], last)
	}
}

func testDelivery(f *folder) {
	j := newJob(1, 1)
	f.put(j)
	a, b := pendingNotice(j), pendingNotice(j)
	plain := noticeOf(j, job.NoticeError)
	ids := f.commit(store.Batch{Notices: []store.Notice{a, plain, b}})
	a.ID, plain.ID, b.ID = ids[0], ids[1], ids[2]
	f.wantPending(a, b)

	tomorrow := noon.Truncate(time.Millisecond).Add(24 * time.Hour) // Next need not be finer

	f.deliver(a.ID, false, noon.Truncate(time.Second))
	f.deliver(a.ID, false, tomorrow)
	a.Attempts, a.Next = 2, tomorrow
	f.alsoReopened(func() { f.wantPending(a, b) })

	f.deliver(a.ID, true, time.Time{})
	a.Pending = false
	f.alsoReopened(func() {
		f.wantPending(b)
		f.equal("Notices", f.notices(0, 10), []store.Notice{a, plain, b})
	})
	for _, id := range []uint64{a.ID, plain.ID, b.ID + 1} {
		if err := f.s.Delivered(f.Context(), id, true, time.Time{}); !errors.Is(err, store.ErrNotFound) {
			f.Errorf("Delivered(%d), which does not wait, = %v, want ErrNotFound", id, err)
		}
	}
}

func (f *folder) deliver(id uint64, done bool, next time.Time) {
	f.Helper()
	if err := f.s.Delivered(f.Context(), id, done, next); err != nil {
		f.Fatalf("Delivered: %v", err)
	}
}
