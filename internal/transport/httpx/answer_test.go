package httpx

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// version is that of a server without options.
var version = job.Validator{ETag: `"v1"`, LastModified: "Mon, 06 May 2024 07:08:09 GMT"}

// download opens src at offset and reads it to its end.
func download(t testing.TB, src transport.Source, offset int64, v job.Validator) ([]byte, transport.Meta, error) {
	t.Helper()
	body, m, err := newDownloader(t).Open(t.Context(), src, offset, v)
	if err != nil {
		return nil, m, err
	}
	defer body.Close()
	got, err := io.ReadAll(body)
	return got, m, err
}

// asJobError is err as every error of this package must be.
func asJobError(t testing.TB, err error) *job.Error {
	t.Helper()
	var e *job.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %v (%T) is no *job.Error", err, err)
	}
	return e
}

// TestAnswers is how each kind of answer to a range request is taken: where the body begins, the size that
// is told, and the ranges that were asked for until then.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const size = 10_000
	noTag, noDate := ebbtest.ETag(""), ebbtest.LastModified(time.Time{})
	type options = []ebbtest.Option
	tests := []struct {
		name    string
		options options
		asked   int64
		first   int64
		size    int64
		ranges  []string
	}{
		{"fresh start", nil, 0, 0, size, []string{"bytes=0-"}},
		{"resume", nil, 4000, 4000, size, []string{"bytes=4000-"}},
		{"resume by ETag alone", options{noDate}, 4000, 4000, size, []string{"bytes=4000-"}},
		{"resume by date alone", options{noTag}, 4000, 4000, size, []string{"bytes=4000-"}},
		{"200 without range support", options{ebbtest.NoRange()}, 4000, 0, size, []string{"bytes=4000-"}},
		{"206 with a later range", options{ebbtest.WrongRange(10)}, 4000, 0, size, []string{"bytes=4000-", ""}},
		{"206 with an earlier range", options{ebbtest.WrongRange(-10)}, 4000, 0, size, []string{"bytes=4000-", ""}},
		{"206 with a smaller total", options{ebbtest.WrongTotal(-5)}, 4000, 0, size, []string{"bytes=4000-", ""}},
		{"206 without a length", options{ebbtest.Chunked()}, 4000, 4000, size, []string{"bytes=4000-"}},
		{"206 until the connection ends", options{ebbtest.NoLength()}, 4000, 4000, size, []string{"bytes=4000-"}},
		{"206 with a lying length", options{ebbtest.LieLength(-10), ebbtest.ChangeAfter(1, ebbtest.LieLength(0))}, 4000, 0, size, []string{"bytes=4000-", ""}},
		{"206 in pieces", options{ebbtest.Pieces(2500)}, 4000, 4000, size, []string{"bytes=4000-", "bytes=6500-", "bytes=9000-"}},
		{"206 multipart", options{ebbtest.Multipart()}, 4000, 0, size, []string{"bytes=4000-", ""}},
		{"chunked 200", options{ebbtest.NoRange(), ebbtest.Chunked()}, 0, 0, job.UnknownSize, []string{"bytes=0-"}},
		{"200 until the connection ends", options{ebbtest.NoRange(), ebbtest.NoLength()}, 0, 0, job.UnknownSize, []string{"bytes=0-"}},
		{"zero bytes, 416", options{ebbtest.Size(0)}, 0, 0, 0, []string{"bytes=0-"}},
		{"zero bytes, 200", options{ebbtest.Size(0), ebbtest.NoRange()}, 0, 0, 0, []string{"bytes=0-"}},
		{"zero bytes, chunked", options{ebbtest.Size(0), ebbtest.NoRange(), ebbtest.Chunked()}, 0, 0, job.UnknownSize, []string{"bytes=0-"}},
		{"416 with the full length", nil, size, size, size, []string{"bytes=10000-", "bytes=9999-"}},
		{"416 with another length", nil, size + 1, 0, size, []string{"bytes=10001-", ""}},
		{"416 with the length of another version", options{ebbtest.NewVersion()}, size, 0, size, []string{"bytes=10000-", "bytes=9999-", ""}},
		{
			"416 with the length, then a larger file",
			options{ebbtest.ChangeAfter(1, ebbtest.Size(2*size))},
			size, 0, 2 * size,
			[]string{"bytes=10000-", "bytes=9999-", ""},
		},
		{"changed ETag and date", options{ebbtest.NewVersion()}, 4000, 0, size, []string{"bytes=4000-", ""}},
		{"changed ETag", options{ebbtest.ETag(`"v2"`)}, 4000, 0, size, []string{"bytes=4000-", ""}},
		{"changed date", options{ebbtest.LastModified(time.Unix(1e9, 0))}, 4000, 0, size, []string{"bytes=4000-", ""}},
		{"changed weak ETag", options{ebbtest.ETag(`W/"v2"`)}, 4000, 0, size, []string{"bytes=4000-", ""}},
		{"ETag that became weak", options{ebbtest.ETag(`W/"v1"`), noDate}, 4000, 0, size, []string{"bytes=4000-", ""}},
		{"validators that are gone", options{noTag, noDate}, 4000, 0, size, []string{"bytes=4000-", ""}},
		{"103 before the answer", options{ebbtest.EarlyHints(3)}, 4000, 4000, size, []string{"bytes=4000-"}},
		{"Content-Encoding identity", options{ebbtest.Header("Content-Encoding", "identity")}, 4000, 4000, size, []string{"bytes=4000-"}},
		{"203 is a 200", options{ebbtest.Handler(status(203))}, 4000, 0, 0, []string{"bytes=4000-"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, append(options{ebbtest.Size(size)}, tt.options...)...)
			got, m, err := download(t, transport.Source{URL: srv.URL}, tt.asked, version)
			if err != nil {
				t.Fatal(err)
			}
			if m.Offset != tt.first || m.Size != tt.size {
				t.Errorf("offset %d of %d, want %d of %d", m.Offset, m.Size, tt.first, tt.size)
			}
			want, _ := io.ReadAll(io.NewSectionReader(srv.Content(), tt.first, max(0, tt.size)-tt.first))
			if tt.size == job.UnknownSize {
				want, _ = io.ReadAll(srv.Content())
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%d bytes, want %d: not those of the file", len(got), len(want))
			}
			if diff := cmp.Diff(tt.ranges, ranges(srv)); diff != "" {
				t.Errorf("ranges asked for (-want +got):\n%s", diff)
			}
		})
	}
}

func ranges(srv *ebbtest.Server) []string {
	var all []string
	for _, r := range srv.Requests() {
		all = append(all, r.Range)
	}
	return all
}

func status(code int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(code)
	})
}

// TestOneGET: no HEAD, no If-Range, nothing compressed, and a name.
func TestOneGET(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t)
	src := transport.Source{URL: srv.URL, Headers: []job.Header{{Name: "x-one", Value: "1"}, {Name: "X-One", Value: "2"}}}
	if _, _, err := download(t, src, 5, version); err != nil {
		t.Fatal(err)
	}
	all := srv.Requests()
	if len(all) != 1 {
		t.Fatalf("%d requests", len(all))
	}
	want := http.Header{
		"Accept": {"*/*"}, "Accept-Encoding": {"identity"}, "Range": {"bytes=5-"}, "User-Agent": {"ebb/test"}, "X-One": {"1", "2"},
	}
	if diff := cmp.Diff(want, all[0].Header); diff != "" || all[0].Method != http.MethodGet {
		t.Errorf("%s with header (-want +got):\n%s", all[0].Method, diff)
	}
	src.Headers = []job.Header{{Name: "user-agent", Value: "mine"}, {Name: "Host", Value: "other.example"}}
	if _, _, err := download(t, src, 0, job.Validator{}); err != nil {
		t.Fatal(err)
	}
	if r := srv.Requests()[1]; r.Header.Get("User-Agent") != "mine" || r.Host != "other.example" {
		t.Errorf("User-Agent %q, Host %q: the source's own header did not win", r.Header.Get("User-Agent"), r.Host)
	}
}

func TestMeta(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Bytes([]byte("hello world")),
		ebbtest.Header("Content-Disposition", `attachment; filename="../../evil.txt"; filename*=UTF-8''%e2%82%ac%20rates.txt`),
		ebbtest.Header("Repr-Digest", `sha-256=:uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=:`))
	_, m, err := download(t, transport.Source{URL: srv.URL}, 0, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	want := transport.Meta{
		Size: 11, Validator: version, Modified: time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC), Name: "€ rates.txt",
		Digest: "sha256=b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
	}
	m.Answer = nil // see TestAnswerOfAFile
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("meta (-want +got):\n%s", diff)
	}
}

// TestDateOfThisSecond: a file that changed within the second of the answer could change again without a
// new date.
func TestDateOfThisSecond(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.ETag(""), ebbtest.LastModified(time.Now().Add(time.Hour)))
	_, m, err := download(t, transport.Source{URL: srv.URL}, 0, job.Validator{})
	if err != nil || m.Validator.Strong() || m.Modified.IsZero() {
		t.Errorf("meta %+v, error %v; want a date but no validator", m, err)
	}
}

// TestFailures is what goes wrong, with its code, its class and a word of its text.
func TestFailures(t *testing.T) {
	t.Parallel()
	type options = []ebbtest.Option
	header := func(raw string) options { return options{ebbtest.Reply(raw)} }
	tests := []struct {
		name    string
		options options
		code    job.Code
		class   job.Class
		text    string
	}{
		{"truncated", options{ebbtest.CutEvery(5000)}, job.ConnectionClosed, job.Transient, "byte 5000 of 10000"},
		{"truncated while chunked", options{ebbtest.NoRange(), ebbtest.Chunked(), ebbtest.CutEvery(5000)}, job.ConnectionClosed, job.Transient, "byte 5000"},
		{"reset", options{ebbtest.CutEvery(5000), ebbtest.Reset()}, job.ConnectionReset, job.Transient, "reset"},
		{"fewer than announced", options{ebbtest.NoRange(), ebbtest.LieLength(7)}, job.ConnectionClosed, job.Transient, "byte 10000 of 10007"},
		{"Content-Encoding", options{ebbtest.Gzip()}, job.InvalidServerResponse, job.Fatal, "Content-Encoding"},
		{"101", header("HTTP/1.1 101 Switching\r\n\r\n"), job.HTTPStatus(101), job.Transient, "101"},
		{"202", options{ebbtest.EveryStatus(202)}, job.HTTPStatus(202), job.Transient, "preparing"},
		{"204", options{ebbtest.EveryStatus(204)}, job.HTTPStatus(204), job.Fatal, "no file"},
		{"205", options{ebbtest.EveryStatus(205)}, job.HTTPStatus(205), job.Fatal, "no file"},
		{"300", options{ebbtest.EveryStatus(300)}, job.HTTPStatus(300), job.Fatal, "300"},
		{"304", options{ebbtest.EveryStatus(304)}, job.HTTPStatus(304), job.Fatal, "304"},
		{"305", options{ebbtest.EveryStatus(305)}, job.HTTPStatus(305), job.Fatal, "305"},
		{"306", options{ebbtest.EveryStatus(306)}, job.HTTPStatus(306), job.Transient, "306"},
		{"401", options{ebbtest.BasicAuth("a", "b")}, job.HTTPStatus(401), job.NeedsAction, "no credentials"},
		{"403", options{ebbtest.EveryStatus(403)}, job.HTTPStatus(403), job.Fatal, "permission"},
		{"404", options{ebbtest.EveryStatus(404)}, job.HTTPStatus(404), job.Fatal, "/file.bin answered 404 Not Found: check the URL"},
		{"408", options{ebbtest.EveryStatus(408)}, job.HTTPStatus(408), job.Transient, "may pass"},
		{"409", options{ebbtest.EveryStatus(409)}, job.HTTPStatus(409), job.Transient, ""},
		{"410", options{ebbtest.EveryStatus(410)}, job.HTTPStatus(410), job.Fatal, "check the URL"},
		{"416 to no range", options{ebbtest.EveryStatus(416)}, job.HTTPStatus(416), job.Fatal, ""},
		{"425", options{ebbtest.EveryStatus(425)}, job.HTTPStatus(425), job.Fatal, ""},
		{"429", options{ebbtest.EveryStatus(429)}, job.HTTPStatus(429), job.Transient, ""},
		{"500", options{ebbtest.EveryStatus(500)}, job.HTTPStatus(500), job.Transient, ""},
		{"501", options{ebbtest.EveryStatus(501)}, job.HTTPStatus(501), job.Fatal, ""},
		{"502", options{ebbtest.EveryStatus(502)}, job.HTTPStatus(502), job.Transient, ""},
		{"503", options{ebbtest.EveryStatus(503)}, job.HTTPStatus(503), job.Transient, ""},
		{"505", options{ebbtest.EveryStatus(505)}, job.HTTPStatus(505), job.Fatal, ""},
		{"599", options{ebbtest.EveryStatus(599)}, job.HTTPStatus(599), job.Transient, ""},
		{"header bomb", options{ebbtest.HeaderBomb(2 << 20)}, job.BadServerReply, job.Transient, "larger than 1048576 bytes"},
		{"endless interim answers", options{ebbtest.EarlyHints(100_000)}, job.BadServerReply, job.Transient, ""},
		{"not HTTP", header("220 mail.example ESMTP\r\n"), job.BadServerReply, job.Transient, "not valid HTTP"},
		{"two lengths", header("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"), job.BadServerReply, job.Transient, "Content-Length"},
		{"negative length", header("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"), job.BadServerReply, job.Transient, "Content-Length"},
		{"bad chunk", header("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello"), job.BadServerReply, job.Transient, "chunk"},
		{"hung up", header(" "), job.BadServerReply, job.Transient, ""},
		{
			"more than announced", header("HTTP/1.1 206 OK\r\nContent-Range: bytes 0-2/3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
			job.InvalidServerResponse, job.Transient, "more bytes",
		},
		{
			"fewer than the range", header("HTTP/1.1 206 OK\r\nContent-Range: bytes 0-7/8\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
			job.ConnectionClosed, job.Transient, "byte 5 of 8",
		},
		{
			"part of what was asked for as a whole", header("HTTP/1.1 206 OK\r\nContent-Range: bytes 3-7/8\r\nContent-Length: 5\r\n\r\nhello"),
			job.InvalidServerResponse, job.Transient, "as a whole",
		},
		{
			"pieces without a version",
			options{ebbtest.Pieces(1000), ebbtest.ETag(""), ebbtest.LastModified(time.Time{})},
			job.InsufficientRangeSupport, job.Fatal, "versions",
		},
		{"pieces of two lengths", options{ebbtest.Pieces(1000), ebbtest.ChangeAfter(3, ebbtest.WrongTotal(5))}, job.RemoteFileChanged, job.Transient, "changed"},
		{"pieces of two versions", options{ebbtest.Pieces(1000), ebbtest.ChangeAfter(3)}, job.RemoteFileChanged, job.Transient, "changed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := ebbtest.NewServer(t, append(options{ebbtest.Size(10_000)}, tt.options...)...)
			got, _, err := download(t, transport.Source{URL: srv.URL + "?signature=secret"}, 0, job.Validator{})
			if err == nil {
				t.Fatalf("no error, %d bytes", len(got))
			}
			e := asJobError(t, err)
			if e.Code != tt.code || e.Class != tt.class || !strings.Contains(e.Text, tt.text) || strings.Contains(e.Text, "secret") {
				t.Errorf("code %v, class %v, text %q; want %v, %v, %q", e.Code, e.Class, e.Text, tt.code, tt.class, tt.text)
			}
		})
	}
}

func TestRetryAfterIsPassedOn(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"1200": 20 * time.Minute, "soon": 0, "-5": 0, "99999999999999999999": 0, "31536000": 24 * time.Hour, "": 0,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat): time.Hour, time.Unix(0, 0).UTC().Format(http.TimeFormat): 0,
	} {
		srv := ebbtest.NewServer(t, ebbtest.Status(503), ebbtest.RetryAfter(value))
		_, _, err := download(t, transport.Source{URL: srv.URL}, 0, job.Validator{})
		if e := asJobError(t, err); (e.RetryAfter - want).Abs() > time.Minute {
			t.Errorf("Retry-After %q = %v, want %v", value, e.RetryAfter, want)
		}
	}
}

// TestManySmallReads: a file is whole whatever the size of the reads.
func TestManySmallReads(t *testing.T) {
	t.Parallel()
	srv := ebbtest.NewServer(t, ebbtest.Size(30_000), ebbtest.Pieces(7000))
	for _, size := range []int{1, 7, 4096, 1 << 20} {
		body, _, err := newDownloader(t).Open(t.Context(), transport.Source{URL: srv.URL}, 0, job.Validator{})
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		for buf := make([]byte, size); err == nil; {
			var n int
			n, err = body.Read(buf)
			got = append(got, buf[:n]...)
		}
		_ = body.Close()
		want, _ := io.ReadAll(srv.Content())
		if !errors.Is(err, io.EOF) || !slices.Equal(got, want) {
			t.Errorf("reads of %d: %d bytes, error %v", size, len(got), err)
		}
	}
}
