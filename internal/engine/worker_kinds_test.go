package engine

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

// TestMadeAnewForEachRequest: dynamic files and answers to a method are never put together from two answers, over no retry and no
// restart.
func TestMadeAnewForEachRequest(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*job.Spec){
		"dynamic": func(s *job.Spec) { s.Dynamic = true },
		"method":  func(s *job.Spec) { s.Method = "POST" },
		"plain":   func(*job.Spec) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, ebbtest.Size(4<<20), ebbtest.Rate(8<<20))
			b := newBench(t)
			spec := b.download(srv.URL)
			spec.AutoComplete = true
			change(&spec)
			id := b.create(spec).ID
			for snap := b.until(id, job.Transferring); snap.Transferred < 1<<20; {
				snap, _ = b.Job(t.Context(), id)
			}
			b.stop()
			srv.Set(ebbtest.Rate(0))
			b = newBenchOn(t, b.dir, b.store.Reopen())
			b.until(id, job.Acknowledged)
			if sum := sumOf(t, spec.Files[0].Local); sum != srv.SHA256() {
				t.Errorf("digest %s, want %s", sum, srv.SHA256())
			}
			requests := srv.Requests()
			first, last := requests[0], requests[len(requests)-1]
			again := last.Range == "" || last.Range == "bytes=0-"
			if len(requests) != 2 || again != (name != "plain") {
				t.Errorf("%d requests, the last for %q", len(requests), last.Range)
			}
			if want := map[bool]string{true: "POST", false: "GET"}[name == "method"]; first.Method != want || last.Method != want {
				t.Errorf("methods %s and %s, want %s", first.Method, last.Method, want)
			}
		})
	}
}

// syncs counts the syncs of a sink.
type syncs struct{ n chan struct{} }

func (s syncs) intercept(c sink.Change, _ string, do func() error) error {
	if c == sink.SyncFile || c == sink.SyncFileSystem {
		select {
		case s.n <- struct{}{}:
		default:
		}
	}
	return do()
}

// TestHighPerformanceSyncsOnce: at the end, where other jobs sync once a second.
func TestHighPerformanceSyncsOnce(t *testing.T) {
	t.Parallel()
	for _, fast := range []bool{true, false} {
		srv := ebbtest.NewServer(t, ebbtest.Size(5<<20), ebbtest.Rate(2<<20))
		count := syncs{make(chan struct{}, 100)}
		b := newBench(t, func(c *Config) {
			c.Sink = sink.New(sink.Config{Instance: "test", BootID: "boot-1", Intercept: count.intercept})
		})
		spec := b.download(srv.URL)
		spec.HighPerformance, spec.AutoComplete = fast, true
		b.until(b.create(spec).ID, job.Acknowledged)
		if n := len(count.n); (n == 1) != fast {
			t.Errorf("high performance %v: %d syncs", fast, n)
		}
		if sum := sumOf(t, spec.Files[0].Local); sum != srv.SHA256() {
			t.Errorf("digest %s, want %s", sum, srv.SHA256())
		}
	}
}

// TestReportedRedirects: where redirects led becomes the remote name, once bytes come from there, and no byte is fetched
// twice for it.
func TestReportedRedirects(t *testing.T) {
	t.Parallel()
	for _, ranges := range [][]job.Span{nil, {{Offset: 5, Length: 1 << 20}, {Offset: 3 << 20, Length: job.ToEOF}}} {
		srv := ebbtest.NewServer(t, ebbtest.Size(4<<20), ebbtest.Redirects(2, http.StatusFound))
		b := newBench(t)
		spec := b.ranged(srv.URL, false, ranges...)
		spec.Network.SecurityFlags = job.ReportRedirects
		id := b.create(spec).ID
		b.until(id, job.Acknowledged)
		if f := b.file(id); f.URL != srv.Base+"/file.bin" {
			t.Errorf("the remote name is %s", f.URL)
		}
		if n := len(srv.Requests()); n > 6 || srv.Sent() > 4<<20+1000 {
			t.Errorf("%d requests, %d bytes", n, srv.Sent())
		}
	}
}

// TestFaultsTellTheAnswer: also those that happen in the middle of a body.
func TestFaultsTellTheAnswer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*job.Spec){
		"plain":  func(*job.Spec) {},
		"ranges": func(s *job.Spec) { s.Files[0].Ranges = []job.Span{{Offset: 0, Length: 1 << 20}} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, ebbtest.Size(2<<20), ebbtest.CutEvery(1000), ebbtest.Header("X-Node", "seven"))
			b := newBench(t)
			spec := b.download(srv.URL)
			change(&spec)
			snap := b.until(b.create(spec).ID, job.TransientError)
			if a := snap.Error.Answer; a == nil || a.Address != strings.TrimPrefix(srv.Base, "http://") {
				t.Errorf("error %+v, answer %+v", snap.Error, a)
			}
		})
	}
}

// TestRangesGoOnAfterARestart: what was stored of ranges before the service or the machine stopped is not fetched again.
func TestRangesGoOnAfterARestart(t *testing.T) {
	t.Parallel()
	ranges := []job.Span{{Offset: 3 << 20, Length: job.ToEOF}, {Offset: 100, Length: 1 << 20}, {Offset: 2 << 20, Length: 1 << 19}}
	for name, change := range map[string]func(*job.Spec){
		"joined":   func(s *job.Spec) { s.Files[0].Ranges = ranges },
		"sparse":   func(s *job.Spec) { s.Files[0].Ranges, s.Files[0].Sparse = ranges, true },
		"position": func(*job.Spec) {},
	} {
		for _, boot := range []string{"same boot", "other boot"} {
			t.Run(name+", "+boot, func(t *testing.T) {
				t.Parallel()
				srv := ebbtest.NewServer(t, ebbtest.Size(4<<20), ebbtest.Rate(4<<20))
				b := newBench(t)
				spec := b.download(srv.URL)
				spec.AutoComplete, spec.Resume = true, false
				spec.Files[0].Local = filepath.Join(b.dir, "file")
				change(&spec)
				id := b.create(spec).ID
				total := int64(4 << 20)
				if name == "position" {
					b.do(id, job.UpdatePosition{File: 1, Offset: 2 << 20})
				} else {
					total = 1<<20 + 1<<20 + 1<<19
				}
				b.do(id, job.Resume{})
				for snap := b.until(id, job.Transferring); snap.Transferred < 1<<20; time.Sleep(time.Millisecond) {
					snap, _ = b.Job(t.Context(), id)
				}
				b.stop()
				srv.Down() // what it still sends to nobody is not counted
				here, sent := b.file(id).Filled.Len(), srv.Sent()
				srv.Up()
				change := []func(*Config){}
				if boot == "other boot" {
					change = append(change, otherBoot)
				}
				b = newBenchOn(t, b.dir, b.store.Reopen(), change...)
				b.until(id, job.Acknowledged)
				if len(spec.Files[0].Ranges) == 0 {
					spec.Files[0].Ranges = []job.Span{{Offset: 0, Length: 4 << 20}}
				}
				wantContent(t, spec.Files[0].Local, layout(t, srv.Content(), spec.Files[0]))
				if extra := srv.Sent() - sent - (total - here); here < 1<<19 || extra > 2000 {
					t.Errorf("%d bytes were here, %d of %d came twice", here, extra, total)
				}
			})
		}
	}
}
