// Package transporttest is the contract of transport.Downloader as a test: what holds for every transport,
// whatever its protocol.
package transporttest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// Fixture is a transport under test and the servers for it.
type Fixture struct {
	New   func(t *testing.T) transport.Downloader
	Serve func(t *testing.T, r Remote) transport.Source
}

// Remote is a remote file and what is wrong with it. The zero value is empty, without anything
// that tells its version.
type Remote struct {
	Content []byte
	// Version is what tells the versions of a file apart; sources with the same one have the same validator.
	// 0 is none. It is strong unless WeakVersion is set.
	Version     int
	WeakVersion bool

	NoParts   bool          // cannot be read from an offset
	NoSize    bool          // the size is not told
	Cut       int64         // the connection breaks after so many bytes; 0 is never
	Stall     int64         // nothing comes after so many bytes; 0 is never
	Missing   bool          // there is no such file
	Protected bool          // there are no credentials in the source, but some are needed
	Busy      time.Duration // the server asks to come back later; 0 is not
}

// Run tests a transport.
func Run(t *testing.T, f Fixture) {
	tests := map[string]func(*testing.T, Fixture){
		"WholeFile": wholeFile, "EmptyFile": emptyFile, "FromOffset": fromOffset, "CompleteAtOffset": completeAtOffset,
		"BehindTheEnd": behindTheEnd, "UnknownSize": unknownSize, "NoParts": noParts, "Changed": changed,
		"WeakVersion": weakVersion, "NoVersion": noVersion, "CutThenResumed": cutThenResumed, "Missing": missing,
		"Protected": protected, "Busy": busy, "StallEnds": stallEnds, "CancelBeforeOpen": cancelBeforeOpen,
		"CancelDuringRead": cancelDuringRead, "CloseEarly": closeEarly, "Parallel": parallel, "NoSecretInErrors": noSecretInErrors,
	}
	maps.Copy(tests, rangeTests)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, f)
		})
	}
}

// content is a file that is not alike at any two places.
func content(n int) []byte {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// download opens src and reads it to its end.
func download(t *testing.T, d transport.Downloader, src transport.Source, offset int64, v job.Validator) ([]byte, transport.Meta, error) {
	t.Helper()
	body, m, err := d.Open(t.Context(), src, offset, v)
	if err != nil {
		checkError(t, err)
		return nil, m, err
	}
	defer body.Close()
	got, err := io.ReadAll(body)
	if err != nil {
		checkError(t, err)
	}
	return got, m, err
}

// must is download without an error.
func must(t *testing.T, d transport.Downloader, src transport.Source, offset int64, v job.Validator) ([]byte, transport.Meta) {
	t.Helper()
	got, m, err := download(t, d, src, offset, v)
	if err != nil {
		t.Fatalf("offset %d: %v", offset, err)
	}
	return got, m
}

func checkError(t *testing.T, err error) *job.Error {
	t.Helper()
	var e *job.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %T (%v) is no *job.Error", err, err)
	}
	if e.Code == job.OK || e.Context == job.ContextNone || e.Text == "" || strings.ContainsAny(e.Text, "\r\n") {
		t.Errorf("code %v, context %v, text %q", e.Code, e.Context, e.Text)
	}
	return e
}

// classed is the error of Open or of reading on.
func classed(t *testing.T, f Fixture, r Remote, want job.Class) *job.Error {
	t.Helper()
	_, _, err := download(t, f.New(t), f.Serve(t, r), 0, job.Validator{})
	if err == nil {
		t.Fatal("no error")
	}
	e := checkError(t, err)
	if e.Class != want {
		t.Errorf("class %v, want %v: %v", e.Class, want, e)
	}
	return e
}

func wholeFile(t *testing.T, f Fixture) {
	want := content(300_000)
	got, m := must(t, f.New(t), f.Serve(t, Remote{Content: want, Version: 1}), 0, job.Validator{})
	if !bytes.Equal(got, want) || m.Offset != 0 || m.Size != int64(len(want)) || !m.Validator.Strong() {
		t.Errorf("%d bytes, meta %+v", len(got), m)
	}
}

func emptyFile(t *testing.T, f Fixture) {
	got, m := must(t, f.New(t), f.Serve(t, Remote{Version: 1}), 0, job.Validator{})
	if len(got) != 0 || m.Offset != 0 || m.Size != 0 {
		t.Errorf("%d bytes, meta %+v", len(got), m)
	}
}

func fromOffset(t *testing.T, f Fixture) {
	want := content(50_000)
	d, src := f.New(t), f.Serve(t, Remote{Content: want, Version: 1})
	_, m := must(t, d, src, 0, job.Validator{})
	for _, offset := range []int64{1, 4095, 30_000, 49_999} {
		got, part := must(t, d, src, offset, m.Validator)
		if part.Offset != offset || part.Size != 50_000 || !bytes.Equal(got, want[offset:]) {
			t.Errorf("offset %d: %d bytes, meta %+v", offset, len(got), part)
		}
	}
}

func completeAtOffset(t *testing.T, f Fixture) {
	d, src := f.New(t), f.Serve(t, Remote{Content: content(1000), Version: 1})
	_, m := must(t, d, src, 0, job.Validator{})
	got, part := must(t, d, src, 1000, m.Validator)
	if len(got) != 0 || part.Offset != 1000 || part.Size != 1000 {
		t.Errorf("%d bytes, meta %+v; want none and the offset as size", len(got), part)
	}
}

func behindTheEnd(t *testing.T, f Fixture) {
	want := content(1000)
	d, src := f.New(t), f.Serve(t, Remote{Content: want, Version: 1})
	_, m := must(t, d, src, 0, job.Validator{})
	got, part := must(t, d, src, 1001, m.Validator)
	if part.Offset != 0 || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, meta %+v; want the file from its start", len(got), part)
	}
}

func unknownSize(t *testing.T, f Fixture) {
	want := content(10_000)
	got, m := must(t, f.New(t), f.Serve(t, Remote{Content: want, Version: 1, NoSize: true, NoParts: true}), 0, job.Validator{})
	if !bytes.Equal(got, want) || m.Size != job.UnknownSize {
		t.Errorf("%d bytes, meta %+v", len(got), m)
	}
}

func noParts(t *testing.T, f Fixture) {
	want := content(10_000)
	d, src := f.New(t), f.Serve(t, Remote{Content: want, Version: 1, NoParts: true})
	_, m := must(t, d, src, 0, job.Validator{})
	got, m := must(t, d, src, 5000, m.Validator)
	if m.Offset != 0 || m.Size != 10_000 || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, meta %+v; want the file from its start", len(got), m)
	}
}

func changed(t *testing.T, f Fixture) {
	d, want := f.New(t), content(10_001)
	_, old := must(t, d, f.Serve(t, Remote{Content: content(10_000), Version: 1}), 0, job.Validator{})
	src := f.Serve(t, Remote{Content: want, Version: 2})
	for _, offset := range []int64{1, 10_000, 10_001} {
		got, m := must(t, d, src, offset, old.Validator)
		if m.Offset != 0 || !bytes.Equal(got, want) || m.Validator == old.Validator {
			t.Errorf("offset %d: %d bytes, meta %+v; want the new file from its start", offset, len(got), m)
		}
	}
}

func weakVersion(t *testing.T, f Fixture) {
	want := content(1000)
	d, src := f.New(t), f.Serve(t, Remote{Content: want, Version: 1, WeakVersion: true})
	_, m := must(t, d, src, 0, job.Validator{})
	if got, m := must(t, d, src, 500, m.Validator); m.Offset != 0 || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, meta %+v; a weak validator proves nothing", len(got), m)
	}
}

func noVersion(t *testing.T, f Fixture) {
	want := content(1000)
	src := f.Serve(t, Remote{Content: want})
	if got, m := must(t, f.New(t), src, 500, job.Validator{}); m.Offset != 0 || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, meta %+v; nothing proves that the part belongs to the same file", len(got), m)
	}
}

func cutThenResumed(t *testing.T, f Fixture) {
	want := content(100_000)
	d := f.New(t)
	got, m, err := download(t, d, f.Serve(t, Remote{Content: want, Version: 1, Cut: 60_000}), 0, job.Validator{})
	if err == nil {
		t.Fatal("a body that was cut ended without an error")
	}
	if e := checkError(t, err); e.Class != job.Transient {
		t.Errorf("class %v, want transient: %v", e.Class, e)
	}
	if !bytes.HasPrefix(want, got) || m.Size != 100_000 {
		t.Fatalf("%d bytes before the cut, meta %+v", len(got), m)
	}
	rest, m := must(t, d, f.Serve(t, Remote{Content: want, Version: 1}), int64(len(got)), m.Validator)
	if m.Offset != int64(len(got)) || !bytes.Equal(append(got, rest...), want) {
		t.Errorf("%d and %d bytes are not the file", len(got), len(rest))
	}
}

func missing(t *testing.T, f Fixture) { classed(t, f, Remote{Missing: true}, job.Fatal) }

func protected(t *testing.T, f Fixture) { classed(t, f, Remote{Protected: true}, job.NeedsAction) }

func busy(t *testing.T, f Fixture) {
	if e := classed(t, f, Remote{Busy: 7 * time.Second}, job.Transient); e.RetryAfter != 7*time.Second {
		t.Errorf("retry after %v, want what the server asked for", e.RetryAfter)
	}
}

func stallEnds(t *testing.T, f Fixture) {
	src := f.Serve(t, Remote{Content: content(1000), Version: 1, Stall: 500})
	src.Network.StallTimeout = job.Duration(500 * time.Millisecond)
	got, _, err := download(t, f.New(t), src, 0, job.Validator{})
	if err == nil || len(got) != 500 {
		t.Fatalf("%d bytes, error %v", len(got), err)
	}
	if e := checkError(t, err); e.Class != job.Transient {
		t.Errorf("class %v, want transient", e.Class)
	}
}

func cancelBeforeOpen(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := f.New(t).Open(ctx, f.Serve(t, Remote{Content: content(10)}), 0, job.Validator{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled in it", err)
	}
}

func cancelDuringRead(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	body, _, err := f.New(t).Open(ctx, f.Serve(t, Remote{Content: content(1000), Stall: 500}), 0, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	if _, err := io.ReadFull(body, make([]byte, 500)); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err = body.Read(make([]byte, 500))
	if checkError(t, err); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled in it", err)
	}
}

func closeEarly(t *testing.T, f Fixture) {
	d, src := f.New(t), f.Serve(t, Remote{Content: content(1 << 20), Version: 1, Stall: 1 << 19})
	body, _, err := d.Open(t.Context(), src, 0, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	if err := body.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if n, err := body.Read(make([]byte, 10)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Read after Close = %d, %v", n, err)
	}
}

func parallel(t *testing.T, f Fixture) {
	want := content(200_000)
	d, src := f.New(t), f.Serve(t, Remote{Content: want, Version: 1})
	_, m := must(t, d, src, 0, job.Validator{})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			body, part, err := d.Open(t.Context(), src, int64(i)*25_000, m.Validator)
			if err != nil {
				t.Error(err)
				return
			}
			defer body.Close()
			got, err := io.ReadAll(body)
			if err != nil || !bytes.Equal(got, want[part.Offset:]) || part.Offset != int64(i)*25_000 {
				t.Errorf("part %d: %d bytes, meta %+v, error %v", i, len(got), part, err)
			}
		})
	}
	wg.Wait()
}

func noSecretInErrors(t *testing.T, f Fixture) {
	const secret = "hunter2-secret"
	src := f.Serve(t, Remote{Protected: true})
	src.URL += "?signature=" + secret
	src.Headers = append(src.Headers, job.Header{Name: "X-Token", Value: secret})
	src.Credentials = append(src.Credentials, job.Credential{Target: "server", Scheme: "any", User: "alice", Password: secret})
	_, _, err := download(t, f.New(t), src, 0, job.Validator{})
	if err == nil {
		t.Fatal("no error")
	}
	if e := checkError(t, err); strings.Contains(e.Error(), secret) || (e.Err != nil && strings.Contains(e.Err.Error(), secret)) {
		t.Errorf("the error holds a secret: %v", e)
	}
}
