package storetest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

func testEmpty(f *folder) {
	f.alsoReopened(func() {
		jobs, last := f.load()
		if len(jobs) != 0 || last != 0 {
			f.Errorf("Load yields %d jobs, last Seq %d, want none and 0", len(jobs), last)
		}
		f.wantNoJob(idOf(1))
		f.wantNoSecret(idOf(1), "x")
		f.wantHistory()
		f.wantPending()
		f.equal("Notices", f.notices(0, 10), []store.Notice(nil))
		if n, err := f.s.Prune(f.Context(), noon, 0); n != 0 || err != nil {
			f.Errorf("Prune = %d, %v, want 0, nil", n, err)
		}
		f.commit(store.Batch{})
	})
}

func testRoundTrip(f *folder) {
	zero := job.Job{ID: idOf(1), Seq: 1}.WithFiles(job.Files{}.AppendAll([]job.File{{}}))
	full := fullJob()
	none := newJob(3, 0)
	f.put(zero, full, none)
	f.alsoReopened(func() {
		f.wantLoaded(zero, full, none)
		f.equal("Job", f.job(full.ID), full)
		f.equal("Job", f.job(zero.ID), zero)
	})
}

// fullJob has every property set, with what JSON, SQL and file names find hard.
func fullJob() job.Job {
	const odd = "naïve 'quoted' \"names\" — 日本語 🚀 \\ % ? ; -- \u2028 <&> \x00 end"
	j := newJob(2, 0)
	j.Type, j.State, j.Intent, j.Priority = job.UploadReply, job.TransientError, job.Cancelling, job.Low
	j.Name, j.Description, j.Owner = odd, odd, odd
	j.Deadline = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	j.AutoComplete, j.Overwrite, j.Limit, j.NotifyFlags = true, true, 1<<62, 0x17
	j.NotifyCommand, j.NotifyURL = []string{"/bin/echo", "", odd}, "https://example.com/hook?a=b&c=d"
	j.Network = job.Network{Proxy: "none", CACert: odd, AllowCleartext: true, ConnectTimeout: 1, StallTimeout: job.Duration(time.Hour)}
	j.Credentials = []job.CredentialRef{{Target: "server", Scheme: "basic"}, {Target: "proxy", Scheme: "any"}}
	j.HeaderNames = []string{"X-A", "X-B"}
	j.Error = &job.Error{
		Context: job.ContextTransport, Code: job.HTTPStatus(503), Class: job.Transient, RetryAfter: time.Minute,
		File: 2, Text: odd, Schemes: []string{"Basic", "NTLM"}, Refused: "Digest",
	}
	j.ErrorCount, j.Attempts, j.Gained, j.Active = 7, 3, 1<<40, 90*time.Minute
	j.Result = job.PartialComplete
	j.RetryAt, j.FailingSince, j.Finished = noon.Add(1), noon.Add(-time.Hour), noon
	return j.WithFiles(job.Files{}.AppendAll([]job.File{
		{
			URL: "https://example.com/" + odd, Local: "/srv/" + odd, NameFromServer: true, Digest: "sha256=00",
			Size: 1 << 50, Filled: job.Ranges{{Start: 0, End: 1}, {Start: 1 << 49, End: 1 << 50}}, Boot: "b",
			Validator: job.Validator{ETag: `W/"x"`, LastModified: "Wed, 01 Jul 2026 12:00:00 GMT"}, Modified: noon,
		},
		{URL: "https://example.com/", Local: "/srv/empty", Done: true},
	}))
}

func testOnlyNamedFiles(f *folder) {
	j := newJob(1, 3)
	f.put(j)
	changed := j.WithFiles(job.Files{}.AppendAll(slices.Collect(func(yield func(job.File) bool) {
		for file := range j.Files.All() {
			file.Filled = job.Prefix(int64(file.ID))
			yield(file)
		}
	})))
	f.commit(store.Batch{Jobs: []store.Change{{Job: changed, Files: []job.FileID{2}}}})
	f.alsoReopened(func() {
		for file := range f.job(j.ID).Files.All() {
			if want := file.ID == 2; (file.Filled.Len() > 0) != want {
				f.Errorf("file %d has %d bytes", file.ID, file.Filled.Len())
			}
		}
	})
	f.commit(store.Batch{Jobs: []store.Change{{Job: newJob(1, 3)}}})
	if got := f.job(j.ID); got.Files.Len() != 3 || got.Totals.Filled != 2 {
		f.Errorf("a change without files left %+v", got.Totals)
	}
}

// testAnswers: what a server said is stored with its file, until it says something else.
func testAnswers(f *folder) {
	first := job.Answer{
		At: noon, Status: 503, Headers: []job.Header{{Name: "Retry-After", Value: "30"}}, Body: "naïve <busy>", Address: "[::1]:80", Took: time.Second,
	}
	second := job.Answer{At: noon.Add(time.Minute), Status: 206}
	j := newJob(1, 3)
	change := whole(j)
	change.Answers = map[job.FileID]job.Answer{2: first, 3: first}
	f.commit(store.Batch{Jobs: []store.Change{change}})
	f.commit(store.Batch{Jobs: []store.Change{{Job: j, Files: []job.FileID{2, 3}, Answers: map[job.FileID]job.Answer{3: second}}}})
	f.alsoReopened(func() {
		f.wantLoaded(j)
		f.wantNoAnswer(j.ID, 1)
		f.wantAnswer(j.ID, 2, first)
		f.wantAnswer(j.ID, 3, second)
		f.wantNoAnswer(j.ID, 4)
		f.wantNoAnswer(idOf(2), 1)
	})
	j.State = job.Acknowledged
	f.put(j)
	f.alsoReopened(func() { f.wantAnswer(j.ID, 2, first) })
}

func testManyFiles(f *folder) {
	const n = 10000
	j := newJob(1, n)
	f.put(j, newJob(2, 1))
	f.alsoReopened(func() { f.wantLoaded(j, newJob(2, 1)) })

	files := slices.Collect(j.Files.All())
	change := store.Change{}
	for i := 0; i < n; i += 7 {
		files[i].Done, files[i].Size = true, int64(i)
		change.Files = append(change.Files, files[i].ID)
	}
	change.Job = j.WithFiles(job.Files{}.AppendAll(files))
	f.commit(store.Batch{Jobs: []store.Change{change}})
	f.alsoReopened(func() { f.equal("Job", f.job(j.ID), change.Job) })
}

func testLoadOrder(f *folder) {
	for _, seq := range []uint64{5, 2, 9, 1, 3} {
		f.put(newJob(seq, 1))
	}
	f.put(finalJob(20, 1, noon), newJob(5, 2))
	f.alsoReopened(func() {
		jobs, last := f.load()
		f.equal("Load", jobs, []job.Job{newJob(1, 1), newJob(2, 1), newJob(3, 1), newJob(5, 2), newJob(9, 1)})
		if last != 20 {
			f.Errorf("last Seq = %d, want 20", last)
		}
	})
	f.commit(store.Batch{Forget: []job.ID{idOf(20)}})
	f.alsoReopened(func() {
		if _, last := f.load(); last != 20 {
			f.Errorf("last Seq = %d after its job is gone, want 20", last)
		}
	})
}

func testLoadStops(f *folder) {
	f.put(newJob(1, 1), newJob(2, 1), newJob(3, 1))
	enough := errors.New("enough")
	calls := 0
	_, err := f.s.Load(f.Context(), func(job.Job) error {
		calls++
		return enough
	})
	if !errors.Is(err, enough) || calls != 1 {
		f.Errorf("Load = %v after %d calls, want yield's error after 1", err, calls)
	}
	f.put(newJob(4, 1)) // nothing is left locked
}

// More jobs than any implementation reads at a time, with files that end at no round number.
func testLoadManyJobs(f *folder) {
	var want []job.Job
	for seq := uint64(1); seq <= 1500; seq++ {
		want = append(want, newJob(seq, int(seq%4)))
	}
	f.put(want...)
	f.wantLoaded(want...)
}

func testYieldCalls(f *folder) {
	f.put(newJob(1, 1), newJob(2, 1))
	_, err := f.s.Load(f.Context(), func(j job.Job) error {
		f.equal("Job", f.job(j.ID), j)
		f.put(newJob(j.Seq+10, 1))
		return nil
	})
	if err != nil {
		f.Fatal(err)
	}
	for seq := range uint64(2) {
		f.job(idOf(seq + 11))
	}
}

func testFinalJob(f *folder) {
	j := newJob(1, 2)
	f.commit(store.Batch{
		Jobs:    []store.Change{whole(j), whole(newJob(2, 1))},
		Secrets: []store.Secret{{Job: j.ID, Name: "a", Sealed: []byte("s")}, {Job: idOf(2), Name: "a", Sealed: []byte("t")}},
	})
	for _, state := range []job.State{job.Acknowledged, job.Cancelled} {
		j.State = state
		f.commit(store.Batch{
			Jobs:    []store.Change{{Job: j}},
			Secrets: []store.Secret{{Job: j.ID, Name: "late", Sealed: []byte("s")}},
		})
		f.alsoReopened(func() {
			f.wantLoaded(newJob(2, 1))
			f.wantHistory(j)
			f.equal("Job", f.job(j.ID), j)
			f.wantNoSecret(j.ID, "a")
			f.wantNoSecret(j.ID, "late")
			f.wantSecret(idOf(2), "a", "t")
		})
	}
}

// The key of a webhook is there until the last call is made.
func testWebhookKey(f *folder) {
	j, other := newJob(1, 1), newJob(2, 1)
	f.commit(store.Batch{
		Jobs: []store.Change{whole(j), whole(other)},
		Secrets: []store.Secret{
			{Job: j.ID, Name: store.SecretWebhook, Sealed: []byte("k")},
			{Job: j.ID, Name: "a", Sealed: []byte("s")},
			{Job: other.ID, Name: store.SecretWebhook, Sealed: []byte("o")},
		},
	})
	first, second := noticeOf(j, job.NoticeTransferred), noticeOf(j, job.NoticeAcknowledged)
	first.Pending, second.Pending = true, true
	ids := f.commit(store.Batch{Notices: []store.Notice{first}})
	j.State, other.State = job.Acknowledged, job.Cancelled
	ids = append(ids, f.commit(store.Batch{Jobs: []store.Change{{Job: j}, {Job: other}}, Notices: []store.Notice{second}})...)
	f.alsoReopened(func() {
		f.wantSecret(j.ID, store.SecretWebhook, "k")
		f.wantNoSecret(j.ID, "a")
		f.wantNoSecret(other.ID, store.SecretWebhook)
	})
	f.deliver(ids[1], false, noon)
	f.deliver(ids[0], true, noon)
	f.wantSecret(j.ID, store.SecretWebhook, "k")
	f.deliver(ids[1], true, noon)
	f.alsoReopened(func() { f.wantNoSecret(j.ID, store.SecretWebhook) })
}

func testHistory(f *folder) {
	var final []job.Job
	for seq := uint64(1); seq <= 20; seq++ {
		j := finalJob(seq, 1, noon.Add(-time.Duration(seq)*time.Hour)) // the order is that of Seq
		if seq%2 == 0 {
			j = newJob(seq, 1)
		} else {
			final = append(final, j)
		}
		f.put(j)
	}
	slices.Reverse(final)
	f.wantHistory(final...)
	for _, tt := range []struct {
		before uint64
		limit  int
		want   []job.Job
	}{
		{0, 3, final[:3]},
		{15, 3, final[3:6]},
		{14, 2, final[3:5]},
		{3, 5, final[9:]},
		{1, 5, nil},
		{0, 0, nil},
	} {
		got, err := f.s.History(f.Context(), tt.before, tt.limit)
		if err != nil {
			f.Fatal(err)
		}
		f.equal("History", got, withoutFiles(tt.want))
	}
}

func testForget(f *folder) {
	kept, gone := newJob(1, 2), newJob(2, 2)
	done := finalJob(2, 2, noon)
	f.put(kept, gone)
	f.commit(store.Batch{
		Jobs:    []store.Change{{Job: done}},
		Notices: []store.Notice{pendingNotice(done), noticeOf(kept, job.NoticeError)},
	})
	f.commit(store.Batch{Forget: []job.ID{kept.ID, gone.ID, idOf(99)}})
	f.alsoReopened(func() {
		f.wantNoJob(gone.ID)
		f.wantHistory()
		f.wantLoaded(kept) // a job that is not final stays
		f.wantPending()
		if got := f.notices(0, 10); len(got) != 1 || got[0].Job.ID != kept.ID {
			f.Errorf("notices = %+v, want that of the other job", got)
		}
	})
	// The files went with it: a job in its place begins without.
	f.put(newJob(2, 0))
	if n := f.job(gone.ID).Files.Len(); n != 0 {
		f.Errorf("%d files outlived their job", n)
	}
	last := finalJob(3, 1, noon)
	f.commit(store.Batch{Jobs: []store.Change{whole(last)}, Forget: []job.ID{last.ID}})
	f.wantNoJob(last.ID)
}

func pendingNotice(j job.Job) store.Notice {
	n := noticeOf(j, job.NoticeAcknowledged)
	n.Pending = true
	return n
}

func testPrune(f *folder) {
	tests := []struct {
		name string
		then time.Time
		keep int
		want []uint64 // left, newest first; 5 waits for delivery, 7 is not final
	}{
		{"nothing", time.Time{}, 100, []uint64{8, 6, 5, 4, 3, 2, 1}},
		{"by age", noon.Add(4 * time.Hour), 100, []uint64{8, 6, 5, 4}},
		{"by number", time.Time{}, 2, []uint64{8, 6, 5}},
		{"by both", noon.Add(7 * time.Hour), 1, []uint64{8, 5}},
		{"all", time.Time{}, 0, []uint64{5}},
	}
	for _, tt := range tests {
		f.Run(tt.name, func(t *testing.T) {
			g := &folder{T: t, open: f.open, s: f.s}
			for seq := uint64(1); seq <= 8; seq++ {
				g.put(newJob(seq, 1))
				if seq == 7 {
					continue
				}
				b := store.Batch{Jobs: []store.Change{{Job: finalJob(seq, 1, noon.Add(time.Duration(seq)*time.Hour))}}}
				if seq == 5 {
					b.Notices = []store.Notice{pendingNotice(b.Jobs[0].Job)}
				} else {
					b.Notices = []store.Notice{noticeOf(b.Jobs[0].Job, job.NoticeAcknowledged)}
				}
				g.commit(b)
			}
			n, err := g.s.Prune(g.Context(), tt.then, tt.keep)
			if want := 7 - len(tt.want); n != want || err != nil {
				g.Errorf("Prune = %d, %v, want %d, nil", n, err, want)
			}
			var left []job.Job
			for _, seq := range tt.want {
				left = append(left, finalJob(seq, 1, noon.Add(time.Duration(seq)*time.Hour)))
			}
			g.wantHistory(left...)
			g.wantLoaded(newJob(7, 1))
			if got := len(g.notices(0, 100)); got != len(tt.want) {
				g.Errorf("%d notices are left, want %d", got, len(tt.want))
			}
			clearFolder(g)
		})
	}
}

// clearFolder leaves no job.
func clearFolder(f *folder) {
	f.Helper()
	var b store.Batch
	for seq := uint64(1); seq <= 8; seq++ {
		b.Jobs = append(b.Jobs, store.Change{Job: finalJob(seq, 1, noon)})
		b.Forget = append(b.Forget, idOf(seq))
	}
	f.commit(b)
}

// More jobs than any implementation deletes at a time.
func testPruneMany(f *folder) {
	const n, keep = 2500, 1200
	var b store.Batch
	for seq := uint64(1); seq <= n; seq++ {
		at := noon
		if seq == n { // the newest by number is the oldest by time
			at = noon.Add(-time.Hour)
		}
		b.Jobs = append(b.Jobs, whole(finalJob(seq, 1, at)))
	}
	f.commit(b)
	got, err := f.s.Prune(f.Context(), noon, keep)
	if want := n - keep + 1; got != want || err != nil {
		f.Fatalf("Prune = %d, %v, want %d, nil", got, err, want)
	}
	left, err := f.s.History(f.Context(), 0, n)
	if err != nil || len(left) != keep-1 || left[0].Seq != n-1 || left[keep-2].Seq != n-keep+1 {
		f.Errorf("%d jobs are left, error %v", len(left), err)
	}
}
