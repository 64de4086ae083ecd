package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

// otherBoot is a start after a power cut: only what was stored counts, not the length of the partial file.
func otherBoot(c *Config) {
	c.BootID, c.Sink = "boot-2", sink.New(sink.Config{Instance: "test", BootID: "boot-2"})
}

// layout is what a file of ranges of a remote one must have.
func layout(t rapid.TB, remote *io.SectionReader, spec job.FileSpec) []byte {
	t.Helper()
	var out []byte
	for _, s := range spec.Ranges {
		if s.Length == job.ToEOF {
			s.Length = remote.Size() - s.Offset
		}
		b := make([]byte, s.Length)
		if _, err := remote.ReadAt(b, s.Offset); err != nil && s.Length > 0 {
			t.Fatal(err)
		}
		if !spec.Sparse {
			out = append(out, b...)
			continue
		}
		if end := s.Offset + s.Length; int64(len(out)) < end {
			out = append(out, make([]byte, end-int64(len(out)))...)
		}
		copy(out[s.Offset:], b)
	}
	return out
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256=" + hex.EncodeToString(sum[:])
}

// ranged is a job for ranges of one file, which completes by itself.
func (b *bench) ranged(url string, sparse bool, ranges ...job.Span) job.Spec {
	spec := b.download(url)
	spec.AutoComplete = true
	spec.Files[0].Ranges, spec.Files[0].Sparse = ranges, sparse
	return spec
}

func wantContent(t *testing.T, name string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Errorf("%s has %d bytes, want %d; byte %d is the first wrong one", filepath.Base(name), len(got), len(want), at)
	}
}

// servers answer requests for ranges each in a way of its own.
var servers = map[string][]ebbtest.Option{
	"in parts":         nil,
	"reversed":         {ebbtest.ReverseRanges()},
	"merged":           {ebbtest.MergeRanges()},
	"sloppy":           {ebbtest.SloppyMultipart()},
	"only the first":   {ebbtest.FirstRange()},
	"200":              {ebbtest.OneRange()},
	"400":              {ebbtest.RefuseRanges(400)},
	"416":              {ebbtest.RefuseRanges(416)},
	"garbled":          {ebbtest.MislabeledParts()},
	"no ranges":        {ebbtest.NoRange()},
	"chunked":          {ebbtest.NoRange(), ebbtest.Chunked()},
	"chunked parts":    {ebbtest.Chunked()},
	"small parts":      {ebbtest.Pieces(70_000)},
	"multipart always": {ebbtest.Multipart()},
	"no validator":     {ebbtest.ETag(""), ebbtest.LastModified(time.Time{})},
	"weak validator":   {ebbtest.ETag(`W/"v1"`), ebbtest.LastModified(time.Time{})},
	"cut":              {ebbtest.CutAfter(150_000)},
	"cut again":        {ebbtest.CutEvery(300_000)},
}

// TestRangesOfEveryServer: whatever the server makes of a request for ranges, the bytes are right and in their place.
func TestRangesOfEveryServer(t *testing.T) {
	t.Parallel()
	layouts := map[string][]job.Span{
		"in order":     {{Offset: 100, Length: 1000}, {Offset: 50_000, Length: 200_000}, {Offset: 2_000_000, Length: 1}},
		"out of order": {{Offset: 1_500_000, Length: 100_000}, {Offset: 0, Length: 10}, {Offset: 10, Length: 90}, {Offset: 700_000, Length: 1}},
		"to the end":   {{Offset: 5, Length: 7}, {Offset: 2_900_000, Length: job.ToEOF}, {Offset: 100, Length: 100_000}},
		"end first":    {{Offset: 2_700_000, Length: job.ToEOF}, {Offset: 100, Length: 100_000}, {Offset: 70, Length: 0}},
	}
	for name, options := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, append([]ebbtest.Option{ebbtest.Size(3_000_000)}, options...)...)
			b := newBench(t)
			for name, ranges := range layouts {
				for _, sparse := range []bool{false, true} {
					spec := b.ranged(srv.URL, sparse, ranges...)
					spec.Files[0].Local = filepath.Join(b.dir, fmt.Sprint(name, sparse))
					want := layout(t, srv.Content(), spec.Files[0])
					spec.Files[0].Digest = digestOf(want)
					snap := b.hurry(b.create(spec).ID, job.Acknowledged)
					if snap.Result != job.OK {
						t.Errorf("result %v", snap.Result)
					}
					wantContent(t, spec.Files[0].Local, want)
				}
			}
			noPartials(t, b.dir)
		})
	}
}

// TestFiveHundredRanges: in a few requests, and exactly where they belong.
func TestFiveHundredRanges(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(10<<20))
	b := newBench(t)
	var ranges []job.Span
	for i := range int64(500) {
		ranges = append(ranges, job.Span{Offset: (i * 7 % 500) * 20_000, Length: 400 + i})
	}
	spec := b.ranged(srv.URL, false, ranges...)
	b.until(b.create(spec).ID, job.Acknowledged)
	wantContent(t, spec.Files[0].Local, layout(t, srv.Content(), spec.Files[0]))
	if n := len(srv.Requests()); n > 8 {
		t.Errorf("%d requests, want 8 of 64 ranges at most", n)
	}
	if extra := srv.Sent() - int64(500*400+500*499/2); extra > 500*200 {
		t.Errorf("%d bytes more than was asked for were sent", extra)
	}
}

// TestNoRangesNoMoreThanNeeded: of a server without ranges the beginning is read, up to the last byte that is wanted.
func TestNoRangesNoMoreThanNeeded(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(64<<20), ebbtest.NoRange(), ebbtest.Rate(4<<20))
	b := newBench(t)
	spec := b.ranged(srv.URL, false, job.Span{Offset: 100_000, Length: 1000}, job.Span{Offset: 10, Length: 10})
	b.until(b.create(spec).ID, job.Acknowledged)
	wantContent(t, spec.Files[0].Local, layout(t, srv.Content(), spec.Files[0]))
	if n := len(srv.Requests()); n > 2 {
		t.Errorf("%d requests", n)
	}
}

func TestRangesOutsideOfTheFile(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]ebbtest.Option{"ranges": nil, "no ranges": {ebbtest.NoRange()}, "chunked": {ebbtest.NoRange(), ebbtest.Chunked()}} {
		for _, ranges := range [][]job.Span{
			{{Offset: 2000, Length: 10}}, {{Offset: 0, Length: 10}, {Offset: 990, Length: 11}}, {{Offset: 1001, Length: job.ToEOF}},
		} {
			t.Run(fmt.Sprint(name, ranges), func(t *testing.T) {
				t.Parallel()
				srv := ebbtest.NewServer(t, append([]ebbtest.Option{ebbtest.Size(1000)}, options...)...)
				b := newBench(t)
				snap := b.until(b.create(b.ranged(srv.URL, false, ranges...)).ID, job.InError)
				if snap.Error.Code != job.InvalidRange || snap.Error.Context != job.ContextRemoteFile {
					t.Errorf("error %v (%v)", snap.Error, snap.Error.Code)
				}
			})
		}
	}
}

func TestEmptyRanges(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	b := newBench(t)
	for i, ranges := range [][]job.Span{
		{{Offset: 5, Length: 0}}, {{Offset: 1000, Length: job.ToEOF}}, {{Offset: 10, Length: 10}, {Offset: 500, Length: 0}},
	} {
		for _, sparse := range []bool{false, true} {
			spec := b.ranged(srv.URL, sparse, ranges...)
			spec.Files[0].Local = filepath.Join(b.dir, fmt.Sprint(i, sparse))
			b.until(b.create(spec).ID, job.Acknowledged)
			wantContent(t, spec.Files[0].Local, layout(t, srv.Content(), spec.Files[0]))
		}
	}
}

// filled is what is stored of a job's first file.
func (b *bench) filled(id job.ID) string {
	b.t.Helper()
	return b.file(id).Filled.String()
}

func (b *bench) file(id job.ID) job.File {
	b.t.Helper()
	j, err := b.store.Job(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	f, _ := j.Files.Get(1)
	return f
}

// TestOnDemand is the life of a job on demand: it fetches what is asked for, rests, fetches more, and is transferred once all is
// here.
func TestOnDemand(t *testing.T) {
	t.Parallel()
	for name, options := range servers {
		if strings.Contains(name, "no ranges") || name == "chunked" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, append([]ebbtest.Option{ebbtest.Size(3_000_000)}, options...)...)
			b := newBench(t)
			spec := b.download(srv.URL)
			spec.OnDemand, spec.Resume = true, false
			spec.Files[0].Digest = "sha256=" + srv.SHA256()
			id := b.create(spec).ID
			request := func(ranges ...job.Range) {
				t.Helper()
				b.do(id, job.RequestRanges{File: 1, Ranges: job.Ranges(nil).Union(ranges)})
				b.do(id, job.Resume{})
			}
			request(job.Range{Start: 1000, End: 2000}, job.Range{Start: 500_000, End: 800_000})
			rests := b.hurry(id, job.Suspended)
			if got := b.filled(id); got != "1000-1999,500000-799999" {
				t.Errorf("filled %s", got)
			}
			if !strings.Contains(rests.Waits, "ask for more") {
				t.Errorf("it waits because %q", rests.Waits)
			}
			if f := b.file(id); f.Size != 3_000_000 {
				t.Errorf("size %d", f.Size)
			}
			request(job.Range{Start: 0, End: 1500}, job.Range{Start: 700_000, End: 700_001}, job.Range{Start: 2_999_000, End: 3_000_000})
			b.hurry(id, job.Suspended)
			if got := b.filled(id); got != "0-1999,500000-799999,2999000-2999999" && !strings.Contains(name, "validator") {
				t.Errorf("filled %s", got)
			}
			request(job.Range{Start: 0, End: 3_000_000})
			b.hurry(id, job.Transferred)
			b.do(id, job.Complete{})
			b.hurry(id, job.Acknowledged)
			if sum := sumOf(t, spec.Files[0].Local); sum != srv.SHA256() {
				t.Errorf("digest %s, want %s", sum, srv.SHA256())
			}
		})
	}
}

// TestOnDemandFetchesNothingTwice: the requests of an on-demand job are for what is missing only.
func TestOnDemandFetchesNothingTwice(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(3_000_000))
	b := newBench(t)
	spec := b.download(srv.URL)
	spec.OnDemand, spec.Resume = true, false
	id := b.create(spec).ID
	for _, r := range []job.Ranges{{{Start: 0, End: 1000}}, {{Start: 500, End: 2000}}, {{Start: 900, End: 1100}, {Start: 5000, End: 5001}}} {
		b.do(id, job.RequestRanges{File: 1, Ranges: r})
		b.do(id, job.Resume{})
		b.until(id, job.Suspended)
	}
	var asked []string
	for _, r := range srv.Requests() {
		asked = append(asked, r.Range)
	}
	if got := strings.Join(asked, " "); got != "bytes=0-999 bytes=1000-1999 bytes=5000-5000" {
		t.Errorf("asked for %s", got)
	}
}

func TestOnDemandNeedsRanges(t *testing.T) {
	t.Parallel()
	for name, options := range map[string][]ebbtest.Option{"200": {ebbtest.NoRange()}, "chunked": {ebbtest.NoRange(), ebbtest.Chunked()}} {
		for _, ranges := range []job.Ranges{{{Start: 10, End: 20}}, {{Start: 0, End: 20}, {Start: 500, End: 600}}} {
			t.Run(fmt.Sprint(name, ranges), func(t *testing.T) {
				t.Parallel()
				srv := ebbtest.NewServer(t, append([]ebbtest.Option{ebbtest.Size(1000)}, options...)...)
				b := newBench(t)
				spec := b.download(srv.URL)
				spec.OnDemand, spec.Resume = true, false
				id := b.create(spec).ID
				b.do(id, job.RequestRanges{File: 1, Ranges: ranges})
				b.do(id, job.Resume{})
				snap := b.until(id, job.InError)
				if snap.Error.Code != job.RandomAccess || snap.Error.Answer == nil || snap.Error.Answer.Status != 200 {
					t.Errorf("error %+v", snap.Error)
				}
			})
		}
	}
}

func TestOnDemandOutsideOfTheFile(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(1000))
	b := newBench(t)
	spec := b.download(srv.URL)
	spec.OnDemand, spec.Resume = true, false
	id := b.create(spec).ID
	b.do(id, job.RequestRanges{File: 1, Ranges: job.Ranges{{Start: 900, End: 1001}}})
	b.do(id, job.Resume{})
	if snap := b.until(id, job.InError); snap.Error.Code != job.InvalidRange {
		t.Errorf("error %v", snap.Error)
	}
	b.do(id, job.Resume{}) // as far as the file has them
	b.until(id, job.Suspended)
	if got := b.filled(id); got != "900-999" {
		t.Errorf("filled %s", got)
	}
}

// TestPositionComesFirst: fetching goes on where the position is, what was requested is fetched before the rest, and gaps before
// the position come last.
func TestPositionComesFirst(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(3_000_000))
	b := newBench(t)
	spec := b.download(srv.URL)
	spec.Resume, spec.AutoComplete = false, true
	id := b.create(spec).ID
	b.do(id, job.UpdatePosition{File: 1, Offset: 2_000_000})
	b.do(id, job.RequestRanges{File: 1, Ranges: job.Ranges{{Start: 1000, End: 2000}, {Start: 2_500_000, End: 2_600_000}}})
	b.do(id, job.Resume{})
	b.until(id, job.Acknowledged)
	if sum := sumOf(t, spec.Files[0].Local); sum != srv.SHA256() {
		t.Errorf("digest %s, want %s", sum, srv.SHA256())
	}
	var asked []string
	for _, r := range srv.Requests() {
		asked = append(asked, strings.Split(strings.TrimPrefix(r.Range, "bytes="), ",")...)
	}
	// What is already here is not asked for again, and the size is known after the first answer.
	want := "2500000-2599999 1000-1999 2000000-2499999 2600000-"
	if got := strings.Join(asked, " "); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, " 0-999 2000-1999999") {
		t.Errorf("asked for %s, want %s and so on", got, want)
	}
	if extra := srv.Sent() - 3_000_000; extra > 10_000 {
		t.Errorf("%d bytes were sent twice", extra)
	}
}

// TestSeekWhileItRuns: a position set during a transfer takes effect, and nothing is fetched twice for it.
func TestSeekWhileItRuns(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(8<<20), ebbtest.Rate(4<<20))
	b := newBench(t)
	spec := b.download(srv.URL)
	spec.AutoComplete = true
	id := b.create(spec).ID
	b.until(id, job.Transferring)
	b.do(id, job.UpdatePosition{File: 1, Offset: 6 << 20})
	b.until(id, job.Acknowledged)
	if sum := sumOf(t, spec.Files[0].Local); sum != srv.SHA256() {
		t.Errorf("digest %s, want %s", sum, srv.SHA256())
	}
	requests := srv.Requests()
	if last := requests[1].Range; last != fmt.Sprintf("bytes=%d-", 6<<20) && last != fmt.Sprintf("bytes=%d-%d", 6<<20, 8<<20-1) && !strings.HasPrefix(last, fmt.Sprintf("bytes=%d-", 6<<20)) {
		t.Errorf("the second request is for %s", last)
	}
}
