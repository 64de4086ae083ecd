package notify

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/internal/store/memstore"
	"github.com/ebb-transfer/ebb/job"
)

// TestMain is also the command that tests run: this program with "play" as its first argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "play" {
		os.Exit(play(os.Args[2], os.Args[3]))
	}
	goleak.VerifyTestMain(m)
}

// fixture is a notifier with a store and a log.
type fixture struct {
	*testing.T
	store *memstore.Store
	*Notifier
	log  *logged
	keys map[job.ID]string
	seq  uint64
}

func newFixture(t *testing.T, change ...func(*Config)) *fixture {
	f := &fixture{T: t, store: memstore.New(), log: &logged{}, keys: map[job.ID]string{}}
	cfg := Config{
		Store:   f.store,
		Secret:  f.secret,
		Log:     slog.New(slog.NewTextHandler(f.log, nil)),
		Version: "1.2.3",
	}
	for _, c := range change {
		c(&cfg)
	}
	f.Notifier = New(cfg)
	f.commandGrace = 200 * time.Millisecond
	return f
}

func (f *fixture) secret(_ context.Context, id job.ID, name string) ([]byte, error) {
	if name != "webhook" {
		return nil, fmt.Errorf("asked for secret %q", name)
	}
	return []byte(f.keys[id]), nil
}

// newJob is a stored job of ours.
func (f *fixture) newJob(change func(*job.Job)) job.Job {
	f.Helper()
	f.seq++
	j, err := job.New(job.ID(fmt.Sprintf("3f2a41c7-0000-4000-8000-%012x", f.seq)), us(f.T), job.Download, job.DefaultSettings(), time.Now())
	if err != nil {
		f.Fatal(err)
	}
	j.Seq, j.Name = f.seq, fmt.Sprintf("job %d", f.seq)
	j = j.WithFiles(job.Files{}.Append(job.File{URL: "https://example.com/a", Local: "/data/a"}))
	change(&j)
	f.commit(store.Batch{Jobs: []store.Change{{Job: j, Files: []job.FileID{1}}}})
	return j
}

func (f *fixture) commit(b store.Batch) []uint64 {
	f.Helper()
	ids, err := f.store.Commit(f.Context(), b)
	if err != nil {
		f.Fatal(err)
	}
	return ids
}

// put adds a notice of j that waits to be delivered.
func (f *fixture) put(j job.Job, kind job.Notice) uint64 {
	f.Helper()
	n := store.Notice{At: time.Now(), Kind: kind, Job: job.Snapshot{Job: j}, Pending: true}
	if kind == job.NoticeFileTransferred {
		file, _ := j.Files.Get(1)
		n.File = &file
	}
	return f.commit(store.Batch{Notices: []store.Notice{n}})[0]
}

// run starts the notifier. The function it returns stops it and waits until it has.
func (f *fixture) run() (stop func()) {
	ctx, cancel := context.WithCancel(f.Context())
	ended := make(chan error)
	go func() { ended <- f.Notifier.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			f.Errorf("Run = %v", err)
		}
	})
	f.Cleanup(stop)
	return stop
}

func (f *fixture) pending() []store.Notice {
	f.Helper()
	all, err := f.store.Pending(context.WithoutCancel(f.Context()))
	if err != nil {
		f.Fatal(err)
	}
	return all
}

// entry is the oldest notice that waits.
func (f *fixture) entry() *entry {
	f.Helper()
	waiting := f.pending()
	if len(waiting) == 0 {
		f.Fatal("nothing waits")
	}
	return &entry{Notice: waiting[0]}
}

// logged is a log that a test can read while it is written.
type logged struct {
	mu   sync.Mutex // guards text
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) want(t *testing.T, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(l.String(), part) {
			t.Errorf("the log has no %q:\n%s", part, l)
		}
	}
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(30 * time.Second):
		t.Fatal("waited for 30 s in vain")
		panic("unreachable")
	}
}
