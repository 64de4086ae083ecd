package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

func TestMissing(t *testing.T) {
	t.Parallel()
	set := func(text string) (out job.Ranges) {
		if err := out.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return out
	}
	list := func(n ...int64) (out []job.Span) {
		for ; len(n) > 0; n = n[2:] {
			out = append(out, job.Span{Offset: n[0], Length: n[1]})
		}
		return out
	}
	tests := []struct {
		name     string
		file     job.File
		filled   string
		onDemand bool
		want     string // remote>local, in order
	}{
		{"nothing yet", job.File{Size: -1}, "", false, "0->0"},
		{"nothing yet, size known", job.File{Size: 100}, "", false, "0-99>0"},
		{"a prefix", job.File{Size: 100}, "0-9", false, "10-99>10"},
		{"gaps", job.File{Size: 100}, "10-19,50-59", false, "0-9>0 20-49>20 60-99>60"},
		{"whole", job.File{Size: 100}, "0-99", false, ""},
		{"empty", job.File{Size: 0}, "", false, ""},
		{"position", job.File{Size: 100, Position: 50}, "55-59", false, "50-54>50 60-99>60 0-49>0"},
		{"position, size unknown", job.File{Size: -1, Position: 50}, "0-9", false, "50->50 10-49>10"},
		{"requested", job.File{Size: 100, Requested: set("20-29,90-99")}, "25-26", false, "20-24>20 27-29>27 90-99>90 0-19>0 30-89>30"},
		{
			"requested and position",
			job.File{Size: 100, Position: 25, Requested: set("20-29,90-99")},
			"", false,
			"25-29>25 90-99>90 20-24>20 30-89>30 0-19>0",
		},
		{"on demand", job.File{Size: -1, Requested: set("20-29")}, "22-22", true, "20-21>20 23-29>23"},
		{"on demand, beyond the end", job.File{Size: 25, Requested: set("20-29")}, "", true, "20-24>20"},
		{"on demand, nothing", job.File{Size: -1}, "", true, ""},
		{"joined", job.File{Size: 40, Ranges: list(100, 10, 50, 20, 10, 10)}, "5-14", false, "100-104>0 55-69>15 10-19>30"},
		{"joined, end unknown", job.File{Size: -1, Ranges: list(100, 10, 50, job.ToEOF, 10, 10)}, "5-14", false, "100-104>0 55->15"},
		{"joined, end known", job.File{Size: 50, Ranges: list(100, 10, 50, job.ToEOF, 10, 10)}, "5-14", false, "100-104>0 55-79>15 10-19>40"},
		{"sparse", job.File{Size: 110, Sparse: true, Ranges: list(100, 10, 50, 20)}, "55-59", false, "50-54>50 60-69>60 100-109>100"},
		{"sparse, end unknown", job.File{Size: -1, Sparse: true, Ranges: list(100, job.ToEOF, 50, 20)}, "100-104", false, "50-69>50 105->105"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, p := range missing(tt.file, set(tt.filled), tt.onDemand) {
				last := ""
				if p.Remote.End >= 0 {
					last = fmt.Sprint(p.Remote.End - 1)
				}
				got = append(got, fmt.Sprintf("%d-%s>%d", p.Remote.Start, last, p.Local))
			}
			if s := strings.Join(got, " "); s != tt.want {
				t.Errorf("missing %q, want %q", s, tt.want)
			}
		})
	}
}

// TestNothingIsAskedForBehindAnOpenEnd: where that ends is not known yet.
func TestNothingIsAskedForBehindAnOpenEnd(t *testing.T) {
	t.Parallel()
	asked := remotes(missing(job.File{Size: job.UnknownSize, Position: 50, Requested: job.Ranges{{Start: 5, End: 6}}}, nil, false))
	if want := []job.Range{{Start: 5, End: 6}, {Start: 50, End: -1}}; !slices.Equal(asked, want) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
}

// TestSplit: by splitting no byte is lost, doubled, or moved against its place in the other file.
func TestSplit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := job.Piece{Local: rapid.Int64Range(0, 20).Draw(t, "local")}
		p.Remote.Start = rapid.Int64Range(0, 20).Draw(t, "start")
		p.Remote.End = p.Remote.Start + rapid.Int64Range(1, 30).Draw(t, "length")
		var set job.Ranges
		for range rapid.IntRange(0, 5).Draw(t, "ranges") {
			at := rapid.Int64Range(0, 60).Draw(t, "at")
			set = set.Add(job.Range{Start: at, End: at + rapid.Int64Range(1, 10).Draw(t, "n")})
		}
		in, out := split([]job.Piece{p}, set)
		seen := map[int64]bool{}
		check := func(pieces []job.Piece, want bool) {
			for _, x := range pieces {
				for i := range x.Remote.Len() {
					at := x.Local + i
					if at-p.Local != x.Remote.Start+i-p.Remote.Start || set.Contains(job.Range{Start: at, End: at + 1}) != want || seen[at] {
						t.Fatalf("byte %d of %+v by %v: in %+v, out %+v", at, p, set, in, out)
					}
					seen[at] = true
				}
			}
		}
		check(in, true)
		check(out, false)
		if int64(len(seen)) != p.Remote.Len() {
			t.Fatalf("%d bytes of %+v", len(seen), p)
		}
	})
}

// hurry waits for a state, and tries again at once whatever failed for a while.
func (b *bench) hurry(id job.ID, want job.State) job.Snapshot {
	b.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; time.Sleep(time.Millisecond) {
		snap, err := b.Job(b.t.Context(), id)
		switch {
		case err != nil:
			b.t.Fatal(err)
		case snap.State == want:
			return snap
		case snap.State == job.TransientError:
			_, _ = b.Do(b.t.Context(), id, job.Resume{}) // it may have been resumed by itself
		case snap.State == job.InError || time.Now().After(deadline):
			b.t.Fatalf("job never became %v; it is %v (%v)", want, snap.State, snap.Error)
		}
	}
}

// TestRangesOfAnyKindThroughAnything: whatever is asked for, however the server behaves, and wherever connections, the service and
// the machine break, the bytes are right.
func TestRangesOfAnyKindThroughAnything(t *testing.T) {
	t.Parallel()
	names := make([]string, 0, len(servers))
	for name := range servers {
		names = append(names, name)
	}
	slices.Sort(names)
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		const size = 400_000
		name := rapid.SampledFrom(names).Draw(rt, "server")
		options := append([]ebbtest.Option{ebbtest.Size(size), ebbtest.Rate(8 << 20)}, servers[name]...)
		if at := rapid.Int64Range(0, 2*size).Draw(rt, "cut"); at < size {
			options = append(options, ebbtest.CutAfter(at))
		}
		if after := rapid.IntRange(0, 6).Draw(rt, "change"); after > 0 {
			options = append(options, ebbtest.ChangeAfter(after))
		}
		srv := ebbtest.NewServer(t, options...)
		first := srv.Content()
		b := newBench(t)
		spec := b.ranged(srv.URL, rapid.Bool().Draw(rt, "sparse"), spans(rt, size)...)
		if plain := rapid.IntRange(0, 2).Draw(rt, "plain") == 0; plain {
			spec.Files[0].Ranges, spec.Files[0].Sparse = nil, false
		}
		n++
		spec.Files[0].Local = filepath.Join(b.dir, fmt.Sprint(n))
		id := b.create(spec).ID
		interruptions := rapid.IntRange(0, 3).Draw(rt, "interruptions")
		for range interruptions {
			b = b.interrupt(rt, id, srv, len(spec.Files[0].Ranges) == 0)
		}
		b.hurry(id, job.Acknowledged)
		if len(spec.Files[0].Ranges) == 0 {
			spec.Files[0].Ranges = []job.Span{{Offset: 0, Length: size}}
		}
		versions := []*io.SectionReader{srv.Content()}
		if interruptions > 0 { // the request that changed the file may be one that the interruption left without a reader
			versions = append(versions, first)
		}
		wantOneOf(rt, spec.Files[0], versions)
		b.stop()
		srv.Down()
	})
}

// wantOneOf fails unless the local file is wholly one of the versions.
func wantOneOf(rt *rapid.T, spec job.FileSpec, versions []*io.SectionReader) {
	got, err := os.ReadFile(spec.Local)
	if err != nil {
		rt.Fatal(err)
	}
	for _, version := range versions {
		if bytes.Equal(got, layout(rt, version, spec)) {
			return
		}
	}
	rt.Fatalf("%d bytes that are no version of the file", len(got))
}

// spans draws ranges that do not overlap, in any order.
func spans(rt *rapid.T, size int64) []job.Span {
	var out []job.Span
	at := int64(0)
	for range rapid.IntRange(1, 12).Draw(rt, "spans") {
		gap, length := rapid.Int64Range(0, size/8).Draw(rt, "gap"), rapid.Int64Range(1, size/8).Draw(rt, "length")
		if at+gap+length > size {
			break
		}
		out = append(out, job.Span{Offset: at + gap, Length: length})
		at += gap + length
	}
	if rapid.Bool().Draw(rt, "to the end") && at < size {
		out = append(out, job.Span{Offset: at + rapid.Int64Range(0, size-at-1).Draw(rt, "tail"), Length: job.ToEOF})
	}
	rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "order"), 1))
	rnd.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	if len(out) == 0 {
		out = []job.Span{{Offset: 0, Length: size}}
	}
	return out
}

// interrupt lets some bytes arrive and then does something to the job, the service, or the machine.
func (b *bench) interrupt(rt *rapid.T, id job.ID, srv *ebbtest.Server, plain bool) *bench {
	enough := srv.Sent() + rapid.Int64Range(0, 300_000).Draw(rt, "bytes")
	for deadline := time.Now().Add(time.Second / 2); srv.Sent() < enough && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if snap, err := b.Job(b.t.Context(), id); err == nil && snap.State == job.Acknowledged {
			return b
		}
	}
	switch rapid.IntRange(0, 4).Draw(rt, "interruption") {
	case 0:
		b.stop()
		return newBenchOn(b.t, b.dir, b.store.Reopen())
	case 1:
		b.stop()
		return newBenchOn(b.t, b.dir, b.store.Reopen(), otherBoot)
	case 2:
		if _, err := b.Do(b.t.Context(), id, job.Suspend{}); err == nil {
			_, _ = b.Do(b.t.Context(), id, job.Resume{}) // or it was complete just before
		}
	default:
		if plain { // it may be done, and then there is nothing to ask for
			_, _ = b.Do(b.t.Context(), id, job.UpdatePosition{File: 1, Offset: rapid.Int64Range(0, 400_000).Draw(rt, "position")})
			at := rapid.Int64Range(0, 390_000).Draw(rt, "request")
			_, _ = b.Do(b.t.Context(), id, job.RequestRanges{File: 1, Ranges: job.Ranges{{Start: at, End: at + 10_000}}})
		}
	}
	return b
}

// TestAnotherVersionBetweenRanges: bytes of two versions never meet, with or without something that tells them apart strongly.
func TestAnotherVersionBetweenRanges(t *testing.T) {
	t.Parallel()
	weak := func(tag string) ebbtest.Option { return ebbtest.ETag(`W/"` + tag + `"`) }
	none := []ebbtest.Option{ebbtest.ETag(""), ebbtest.LastModified(time.Time{})}
	for name, options := range map[string][]ebbtest.Option{
		"strong ETag":         {ebbtest.ChangeAfter(2)},
		"only a date":         {ebbtest.ETag(""), ebbtest.ChangeAfter(2, ebbtest.Seed(2), ebbtest.LastModified(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)))},
		"weak ETag":           {weak("1"), none[1], ebbtest.ChangeAfter(2, ebbtest.Seed(2), weak("2"))},
		"nothing but size":    append(none, ebbtest.ChangeAfter(2, ebbtest.Seed(2), ebbtest.Size(999_999))),
		"the date disappears": {ebbtest.ETag(""), ebbtest.ChangeAfter(2, ebbtest.Seed(2), none[1])},
		"size with that ETag": {ebbtest.ChangeAfter(2, ebbtest.Seed(2), ebbtest.Size(1_000_001))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, append([]ebbtest.Option{ebbtest.Size(1_000_000), ebbtest.RefuseRanges(400)}, options...)...)
			b := newBench(t)
			spec := b.ranged(srv.URL, false, job.Span{Offset: 10, Length: 1000}, job.Span{Offset: 5000, Length: 1000}, job.Span{Offset: 900_000, Length: 1000})
			b.hurry(b.create(spec).ID, job.Acknowledged)
			wantContent(t, spec.Files[0].Local, layout(t, srv.Content(), spec.Files[0]))
		})
	}
}

// TestDigestOfTheNewVersion: what the server told of the old one does not count for it.
func TestDigestOfTheNewVersion(t *testing.T) {
	t.Parallel()
	n := 0
	srv := ebbtest.NewServer(t, ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++ // one request at a time
		version := uint64(min(n, 2))
		h := sha256.New()
		_, _ = io.Copy(h, ebbtest.Generate(version, 100_000))
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, version))
		w.Header().Set("Repr-Digest", "sha-256=:"+base64.StdEncoding.EncodeToString(h.Sum(nil))+":")
		http.ServeContent(w, r, "", time.Time{}, ebbtest.Generate(version, 100_000))
	})))
	b := newBench(t)
	spec := b.download(srv.URL)
	spec.AutoComplete, spec.Resume = true, false
	id := b.create(spec).ID
	b.do(id, job.UpdatePosition{File: 1, Offset: 50_000})
	b.do(id, job.Resume{})
	b.hurry(id, job.Acknowledged)
	wantContent(t, spec.Files[0].Local, layout(t, ebbtest.Generate(2, 100_000), job.FileSpec{Ranges: []job.Span{{Offset: 0, Length: 100_000}}}))
}

// TestNoProofNoResume: without something strong the next run begins anew.
func TestNoProofNoResume(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(1_000_000), ebbtest.ETag(`W/"1"`), ebbtest.LastModified(time.Time{}), ebbtest.Rate(1<<20))
	b := newBench(t)
	spec := b.ranged(srv.URL, false, job.Span{Offset: 600_000, Length: 300_000}, job.Span{Offset: 100, Length: 300_000})
	id := b.create(spec).ID
	for snap := b.until(id, job.Transferring); snap.Transferred < 100_000; {
		snap, _ = b.Job(t.Context(), id)
	}
	b.stop()
	srv.Set(ebbtest.Seed(2)) // another file that cannot be told from the first
	b = newBenchOn(t, b.dir, b.store.Reopen())
	b.until(id, job.Acknowledged)
	wantContent(t, spec.Files[0].Local, layout(t, srv.Content(), spec.Files[0]))
}

// TestServerThatSendsSomethingElse: parts that nobody asked for do not keep us busy either.
func TestServerThatSendsSomethingElse(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Reply("HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Type: multipart/byteranges; boundary=B\r\n\r\n"+
		"--B\r\nContent-Range: bytes 0-0/100000\r\n\r\nx\r\n--B--\r\n"))
	b := newBench(t)
	id := b.create(b.ranged(srv.URL, false, job.Span{Offset: 10, Length: 10}, job.Span{Offset: 500, Length: 10})).ID
	snap := b.until(id, job.TransientError)
	if snap.Error.Code != job.InvalidServerResponse || !strings.Contains(snap.Error.Text, "byte") {
		t.Errorf("error %v", snap.Error)
	}
}

// TestFlappingVersionsEnd: a server that shows another version with each answer does not keep us busy.
func TestFlappingVersionsEnd(t *testing.T) {
	t.Parallel()
	n := 0
	srv := ebbtest.NewServer(t, ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++ // one request at a time
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, n))
		if strings.Contains(r.Header.Get("Range"), ",") {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, ebbtest.Generate(1, 100_000))
	})))
	b := newBench(t)
	id := b.create(b.ranged(srv.URL, false, job.Span{Offset: 10, Length: 10}, job.Span{Offset: 500, Length: 10})).ID
	snap := b.until(id, job.TransientError)
	if snap.Error.Code != job.RemoteFileChanged || len(srv.Requests()) > 10 {
		t.Errorf("error %v after %d requests", snap.Error, len(srv.Requests()))
	}
}
