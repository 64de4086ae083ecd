// Package storetest is the contract of package store as a test, which every implementation runs.
package storetest

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// Run runs the suite. newFolder makes one empty folder of state; open opens it, again and
// again, but never while a store that open returned is not closed.
func Run(t *testing.T, newFolder func(t *testing.T) (open func() store.Store)) {
	tests := []struct {
		name string
		test func(*folder)
	}{
		{"Empty", testEmpty},
		{"RoundTrip", testRoundTrip},
		{"OnlyNamedFilesAreStored", testOnlyNamedFiles},
		{"Answers", testAnswers},
		{"ManyFiles", testManyFiles},
		{"LoadOrder", testLoadOrder},
		{"LoadStopsWithYield", testLoadStops},
		{"LoadManyJobs", testLoadManyJobs},
		{"YieldMayCallTheStore", testYieldCalls},
		{"FinalJob", testFinalJob},
		{"History", testHistory},
		{"Forget", testForget},
		{"Prune", testPrune},
		{"PruneManyJobs", testPruneMany},
		{"Secrets", testSecrets},
		{"WebhookKey", testWebhookKey},
		{"AllOrNothing", testAllOrNothing},
		{"Notices", testNotices},
		{"NoticeIDsAreNeverReused", testNoticeIDs},
		{"Delivery", testDelivery},
		{"Usage", testUsage},
		{"ValuesAreNotShared", testValuesAreNotShared},
		{"CancelledContext", testCancelledContext},
		{"ConcurrentUse", testConcurrentUse},
		{"CloseWaits", testCloseWaits},
		{"ClosedStore", testClosedStore},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := &folder{T: t, open: newFolder(t)}
			f.s = f.open()
			defer func() {
				if err := f.s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}()
			tt.test(f)
		})
	}
}

// folder is a folder of state under test, with the store that has it open now.
type folder struct {
	*testing.T
	open func() store.Store
	s    store.Store
}

// before and after a restart, check is to find the same.
func (f *folder) alsoReopened(check func()) {
	f.Helper()
	check()
	f.reopen()
	check()
}

func (f *folder) reopen() {
	f.Helper()
	if err := f.s.Close(); err != nil {
		f.Fatalf("Close: %v", err)
	}
	f.s = f.open()
}

func (f *folder) commit(b store.Batch) []uint64 {
	f.Helper()
	ids, err := f.s.Commit(f.Context(), b)
	if err != nil {
		f.Fatalf("Commit: %v", err)
	}
	if len(ids) != len(b.Notices) {
		f.Fatalf("Commit of %d notices returned %d IDs", len(b.Notices), len(ids))
	}
	return ids
}

// put commits whole jobs, with all their files.
func (f *folder) put(jobs ...job.Job) {
	f.Helper()
	var b store.Batch
	for _, j := range jobs {
		b.Jobs = append(b.Jobs, whole(j))
	}
	f.commit(b)
}

func (f *folder) load() (jobs []job.Job, lastSeq uint64) {
	f.Helper()
	last, err := f.s.Load(f.Context(), func(j job.Job) error {
		jobs = append(jobs, j)
		return nil
	})
	if err != nil {
		f.Fatalf("Load: %v", err)
	}
	return jobs, last
}

func (f *folder) wantLoaded(want ...job.Job) {
	f.Helper()
	got, _ := f.load()
	f.equal("Load", got, want)
}

func (f *folder) job(id job.ID) job.Job {
	f.Helper()
	j, err := f.s.Job(f.Context(), id)
	if err != nil {
		f.Fatalf("Job: %v", err)
	}
	return j
}

func (f *folder) wantNoJob(id job.ID) {
	f.Helper()
	if _, err := f.s.Job(f.Context(), id); !errors.Is(err, store.ErrNotFound) {
		f.Errorf("Job(%s) = %v, want ErrNotFound", id, err)
	}
}

// wantHistory compares the whole history, newest first, leaving files aside.
func (f *folder) wantHistory(want ...job.Job) {
	f.Helper()
	got, err := f.s.History(f.Context(), 0, 1<<20)
	if err != nil {
		f.Fatalf("History: %v", err)
	}
	f.equal("History", got, withoutFiles(want))
}

func (f *folder) notices(after uint64, limit int) []store.Notice {
	f.Helper()
	got, err := f.s.Notices(f.Context(), after, limit)
	if err != nil {
		f.Fatalf("Notices: %v", err)
	}
	return got
}

func (f *folder) wantPending(want ...store.Notice) {
	f.Helper()
	got, err := f.s.Pending(f.Context())
	if err != nil {
		f.Fatalf("Pending: %v", err)
	}
	f.equal("Pending", got, want)
}

func (f *folder) wantNoSecret(id job.ID, name string) {
	f.Helper()
	if _, err := f.s.Secret(f.Context(), id, name); !errors.Is(err, store.ErrNotFound) {
		f.Errorf("Secret(%s, %s) = %v, want ErrNotFound", id, name, err)
	}
}

func (f *folder) wantNoAnswer(id job.ID, file job.FileID) {
	f.Helper()
	if _, err := f.s.Answer(f.Context(), id, file); !errors.Is(err, store.ErrNotFound) {
		f.Errorf("Answer(%s, %d) = %v, want ErrNotFound", id, file, err)
	}
}

func (f *folder) wantAnswer(id job.ID, file job.FileID, want job.Answer) {
	f.Helper()
	got, err := f.s.Answer(f.Context(), id, file)
	if err != nil {
		f.Errorf("Answer: %v", err)
	}
	f.equal("Answer", got, want)
}

func (f *folder) wantSecret(id job.ID, name, want string) {
	f.Helper()
	got, err := f.s.Secret(f.Context(), id, name)
	if err != nil {
		f.Errorf("Secret: %v", err)
	}
	if string(got) != want {
		f.Errorf("Secret(%s, %s) = %q, want %q", id, name, got, want)
	}
}

func (f *folder) equal(what string, got, want any) {
	f.Helper()
	if reflect.DeepEqual(got, want) { // much faster with many files
		return
	}
	if diff := cmp.Diff(want, got, fileLists, emptyIsNil); diff != "" {
		f.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var (
	fileLists = cmp.Transformer("Files", func(fs job.Files) []job.File { return slices.Collect(fs.All()) })
	// No results are no results, whether nil or of length 0.
	emptyIsNil = cmp.FilterPath(
		func(p cmp.Path) bool { return len(p) == 1 },
		cmp.FilterValues(func(a, b any) bool { return isEmpty(a) && isEmpty(b) }, cmp.Ignore()),
	)
)

func isEmpty(v any) bool {
	switch v := v.(type) {
	case []job.Job:
		return len(v) == 0
	case []store.Notice:
		return len(v) == 0
	case []store.Usage:
		return len(v) == 0
	}
	return false
}

func withoutFiles(jobs []job.Job) []job.Job {
	out := slices.Clone(jobs)
	for i := range out {
		out[i].Files = job.Files{}
	}
	return out
}

var noon = time.Date(2026, 7, 1, 12, 0, 0, 123456789, time.UTC)

// newJob is a suspended job with that sequence number and n files.
func newJob(seq uint64, n int) job.Job {
	at := noon.Add(time.Duration(seq) * time.Second)
	j, err := job.New(idOf(seq), "uid:1000", job.Download, job.DefaultSettings(), at)
	if err != nil {
		panic(err)
	}
	j.Seq = seq
	files := make([]job.File, n)
	for i := range files {
		files[i] = job.File{
			URL:   fmt.Sprintf("https://example.com/%d/%d", seq, i+1),
			Local: fmt.Sprintf("/srv/%d/%d", seq, i+1),
			Size:  job.UnknownSize,
		}
	}
	return j.WithFiles(job.Files{}.AppendAll(files))
}

// finalJob is a job like newJob's that was acknowledged at that time.
func finalJob(seq uint64, n int, at time.Time) job.Job {
	j := newJob(seq, n)
	j.State, j.Modified = job.Acknowledged, at
	return j
}

// idOf scatters the IDs, so that their order is not that of seq.
func idOf(seq uint64) job.ID {
	return job.ID(fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(seq*2654435761), seq))
}

// whole is the change that stores all of j.
func whole(j job.Job) store.Change {
	c := store.Change{Job: j}
	for f := range j.Files.All() {
		c.Files = append(c.Files, f.ID)
	}
	return c
}

func noticeOf(j job.Job, kind job.Notice) store.Notice {
	j.Files = job.Files{} // a snapshot is stored without
	return store.Notice{At: j.Modified, Kind: kind, Job: job.Snapshot{Job: j, Rev: j.Seq, Size: job.UnknownSize}}
}
