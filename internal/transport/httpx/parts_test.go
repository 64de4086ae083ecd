package httpx

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// received are the bytes of the ranges that came.
type received struct {
	filled job.Ranges
	bytes  map[int64][]byte // by the start of each part
	meta   transport.Meta
}

// openRanges asks once and reads all that comes.
func openRanges(t *testing.T, d *Downloader, url string, want []job.Range) (received, error) {
	t.Helper()
	got := received{bytes: map[int64][]byte{}}
	parts, m, err := d.OpenRanges(t.Context(), transport.Source{URL: url}, want, job.Validator{})
	if err != nil {
		return got, err
	}
	defer parts.Close()
	got.meta = m
	for {
		r, body, err := parts.Next()
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		b, err := io.ReadAll(body)
		got.filled = got.filled.Add(job.Range{Start: r.Start, End: r.Start + int64(len(b))})
		got.bytes[r.Start] = b
		if err != nil {
			return got, err
		}
	}
}

func (r received) check(t *testing.T, content io.ReaderAt) {
	t.Helper()
	for at, b := range r.bytes {
		want := make([]byte, len(b))
		if _, err := content.ReadAt(want, at); (err != nil && !errors.Is(err, io.EOF)) || !bytes.Equal(b, want) {
			t.Errorf("the %d bytes at %d are wrong, %v", len(b), at, err)
		}
	}
}

// TestServersOfSeveralRanges: what comes of three ranges, and how many requests that took; then again, when the server is known.
func TestServersOfSeveralRanges(t *testing.T) {
	t.Parallel()
	want := []job.Range{{Start: 5_000_000, End: 5_000_100}, {Start: 10, End: 20}, {Start: 9_000_000, End: 9_000_001}}
	const all, first = "10-19,5000000-5000099,9000000-9000000", "5000000-5000099"
	tests := []struct {
		name           string
		option         ebbtest.Option
		got            string // filled
		requests, more int    // of the first call and of the second
	}{
		{"in parts", ebbtest.ETag(`"v1"`), all, 1, 1},
		{"in parts, small file", ebbtest.Size(9_500_000), all, 1, 1},
		{"reversed", ebbtest.ReverseRanges(), all, 1, 1},
		{"all that RFC 2046 allows", ebbtest.SloppyMultipart(), all, 1, 1},
		{"only the first", ebbtest.FirstRange(), first, 1, 1},
		{"merged", ebbtest.MergeRanges(), first, 2, 1},
		{"200", ebbtest.OneRange(), first, 2, 1},
		{"400", ebbtest.RefuseRanges(400), first, 2, 1},
		{"403", ebbtest.RefuseRanges(403), first, 2, 1},
		{"416", ebbtest.RefuseRanges(416), first, 2, 1},
		{"500", ebbtest.RefuseRanges(500), first, 2, 1},
		{"no Content-Range", ebbtest.UnlabeledParts(), first, 2, 1},
		{"no ranges at all", ebbtest.NoRange(), "0-9999999", 2, 2},
		{"multipart for one range", ebbtest.Multipart(), all, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv, d := ebbtest.NewServer(t, ebbtest.Size(10_000_000), tt.option), newDownloader(t)
			for _, requests := range []int{tt.requests, tt.more} {
				before := len(srv.Requests())
				got, err := openRanges(t, d, srv.URL, want)
				if err != nil {
					t.Fatal(err)
				}
				if got.check(t, srv.Content()); got.filled.String() != tt.got {
					t.Errorf("got %v, want %s", got.filled, tt.got)
				}
				if n := len(srv.Requests()) - before; n != requests {
					t.Errorf("%d requests, want %d", n, requests)
				}
				if got.meta.Size != srv.Content().Size() {
					t.Errorf("size %d", got.meta.Size)
				}
			}
		})
	}
}

// TestSmallWasteIsTaken: bytes that nobody asked for cost less than another request.
func TestSmallWasteIsTaken(t *testing.T) {
	t.Parallel()
	for _, option := range []ebbtest.Option{ebbtest.OneRange(), ebbtest.MergeRanges()} {
		srv := ebbtest.NewServer(t, ebbtest.Size(100_000), option)
		got, err := openRanges(t, newDownloader(t), srv.URL, []job.Range{{Start: 0, End: 10}, {Start: 99_990, End: 100_000}})
		if got.check(t, srv.Content()); err != nil || got.filled.String() != "0-99999" || len(srv.Requests()) != 1 {
			t.Errorf("got %v with %d requests, %v", got.filled, len(srv.Requests()), err)
		}
	}
}

func TestBadParts(t *testing.T) {
	t.Parallel()
	two := []job.Range{{Start: 0, End: 1000}, {Start: 500_000, End: 501_000}}
	multi := func(parts string) ebbtest.Option {
		return ebbtest.Reply("HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Type: multipart/byteranges; boundary=B\r\n\r\n" + parts)
	}
	reply := func(status, fields string) ebbtest.Option {
		return ebbtest.Reply("HTTP/1.1 " + status + "\r\nConnection: close\r\n" + fields + "\r\n")
	}
	tests := []struct {
		name   string
		option ebbtest.Option
		want   []job.Range
		code   job.Code
		class  job.Class
		text   string
	}{
		{"endless parts", ebbtest.EndlessParts(), two, job.InvalidServerResponse, job.Transient, "more parts"},
		{"a part too long", ebbtest.MislabeledParts(), two, job.InvalidServerResponse, job.Transient, "longer than its Content-Range"},
		{"no part", multi("--B--\r\n"), two, job.InvalidServerResponse, job.Transient, "no parts"},
		{"no Content-Range", multi("--B\r\n\r\nx\r\n--B--\r\n"), two, job.InvalidServerResponse, job.Transient, "Content-Range"},
		{
			"two lengths", multi("--B\r\nContent-Range: bytes 0-0/9\r\n\r\nx\r\n--B\r\nContent-Range: bytes 1-1/8\r\n\r\nx\r\n--B--\r\n"), two,
			job.InvalidServerResponse, job.Transient, "different length",
		},
		{"cut in a part", ebbtest.CutEvery(500), two, job.ConnectionClosed, job.Transient, "byte "},
		{"cut between parts", multi("--B\r\nContent-Range: bytes 0-0/9\r\n\r\nx"), two, job.ConnectionClosed, job.Transient, "byte 1"},
		{"one part, cut", ebbtest.CutEvery(500), two[:1], job.ConnectionClosed, job.Transient, "byte 500"},
		{"206 without Content-Range", reply("206 Partial Content", "Content-Length: 5\r\n"), two[:1], job.InvalidServerResponse, job.Transient, "Content-Range"},
		{
			"length that does not fit", reply("206 Partial Content", "Content-Length: 5\r\nContent-Range: bytes 0-999/1000\r\n"), two[:1],
			job.InvalidServerResponse, job.Transient, "Content-Length 5",
		},
		{
			"a part for everything", reply("206 Partial Content", "Content-Length: 5\r\nContent-Range: bytes 7000-7004/10000\r\n"), two[:1],
			job.InvalidServerResponse, job.Transient, "as a whole",
		},
		{"416 without a length", reply("416 Range Not Satisfiable", "Content-Length: 0\r\n"), two, job.InvalidRange, job.Fatal, "bytes=0-999"},
		{"404", ebbtest.EveryStatus(404), two, job.HTTPStatus(404), job.Fatal, "404"},
		{"gzip of everything", reply("200 OK", "Content-Length: 0\r\nContent-Encoding: gzip\r\n"), two[:1], job.InvalidServerResponse, job.Fatal, "gzip"},
		{"gzip", ebbtest.Gzip(), two[:1], job.InvalidServerResponse, job.Fatal, "gzip"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, tt.option)
			got, err := openRanges(t, newDownloader(t), srv.URL, tt.want)
			var e *job.Error
			if !errors.As(err, &e) || e.Code != tt.code || e.Class != tt.class || !strings.Contains(e.Text, tt.text) {
				t.Errorf("got %v and error %v (%v), want code %v and %q", got.filled, err, e, tt.code, tt.text)
			}
		})
	}
}

// TestGarbledPartsAreAskedForOneByOne: the next try gets through.
func TestGarbledPartsAreAskedForOneByOne(t *testing.T) {
	t.Parallel()
	srv, d := ebbtest.NewServer(t, ebbtest.MislabeledParts()), newDownloader(t)
	want := []job.Range{{Start: 0, End: 1000}, {Start: 500_000, End: 501_000}}
	if _, err := openRanges(t, d, srv.URL, want); err == nil {
		t.Fatal("no error")
	}
	if got, err := openRanges(t, d, srv.URL, want); err != nil || got.filled.String() != "0-999" {
		t.Errorf("got %v, %v", got.filled, err)
	}
}

// TestWasteInALaterPart: it is taken this time, and avoided the next.
func TestWasteInALaterPart(t *testing.T) {
	t.Parallel()
	srv, d := ebbtest.NewServer(t, ebbtest.Size(3<<20), ebbtest.MergeRangesButFirst()), newDownloader(t)
	want := []job.Range{{Start: 0, End: 1000}, {Start: 500_000, End: 501_000}}
	for _, filled := range []string{"0-3145727", "0-999"} {
		got, err := openRanges(t, d, srv.URL, want)
		if got.check(t, srv.Content()); err != nil || got.filled.String() != filled {
			t.Errorf("got %v, %v; want %s", got.filled, err, filled)
		}
	}
}

func TestOneRequestAsksForBoundedRanges(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t)
	var want []job.Range
	for i := range int64(300) {
		want = append(want, job.Range{Start: i * 1000, End: i*1000 + 500}, job.Range{Start: i*1000 + 500, End: i*1000 + 600})
	}
	if _, err := openRanges(t, newDownloader(t), srv.URL, want); err != nil {
		t.Fatal(err)
	}
	field := srv.Requests()[0].Range
	if n := strings.Count(field, ",") + 1; n != 64 || len(field) > 4<<10 || !strings.HasPrefix(field, "bytes=0-599,1000-1599,") {
		t.Errorf("%d ranges: %s", n, field)
	}
}

// TestConnectionIsKeptBetweenParts: hundreds of ranges, one connection.
func TestConnectionIsKeptBetweenParts(t *testing.T) {
	t.Parallel()
	for _, option := range []ebbtest.Option{ebbtest.ETag(`"v1"`), ebbtest.RefuseRanges(http.StatusBadRequest)} {
		srv, d := ebbtest.NewServer(t, option), newDownloader(t)
		for range 20 {
			parts, _, err := d.OpenRanges(t.Context(), transport.Source{URL: srv.URL}, []job.Range{{Start: 5, End: 10}, {Start: 100, End: 200_000}}, job.Validator{})
			if err != nil {
				t.Fatal(err)
			}
			var r job.Range
			for r.End != 200_000 && err == nil && len(srv.Requests()) < 45 { // a part at the end of which nothing more is wanted
				var body io.Reader
				if r, body, err = parts.Next(); err == nil {
					_, err = io.ReadFull(body, make([]byte, r.Len()))
				}
			}
			if err := parts.Close(); err != nil {
				t.Error(err)
			}
		}
		conns := map[string]bool{}
		for _, r := range srv.Requests() {
			conns[r.Conn] = true
		}
		if len(conns) != 1 {
			t.Errorf("%d connections, want one", len(conns))
		}
	}
}

func TestOriginsAreBounded(t *testing.T) {
	t.Parallel()
	var o origins
	for i := range 3 * maxOrigins {
		o.add(strings.Repeat("x", i))
	}
	if len(o.known) > maxOrigins || !o.has(strings.Repeat("x", 3*maxOrigins-1)) || o.has("") {
		t.Errorf("%d origins are known", len(o.known))
	}
}
