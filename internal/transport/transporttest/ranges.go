package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

var rangeTests = map[string]func(*testing.T, Fixture){
	"Ranges": ranges, "RangesManyAndSmall": rangesManyAndSmall, "RangesToTheEnd": rangesToTheEnd, "RangesNothingAtTheEnd": rangesNothingAtTheEnd,
	"RangesOutside": rangesOutside, "RangesNoParts": rangesNoParts, "RangesUnknownSize": rangesUnknownSize,
	"RangesChanged": rangesChanged, "RangesNoVersion": rangesNoVersion, "RangesCut": rangesCut, "RangesStall": rangesStall,
	"RangesMissing": rangesMissing, "RangesSkipped": rangesSkipped, "RangesCancelled": rangesCancelled, "RangesCloseEarly": rangesCloseEarly,
}

// gather asks for ranges until it has them, and returns the bytes of the source that came, with what the last answer
// told.
func gather(t *testing.T, d transport.Downloader, src transport.Source, want []job.Range, v job.Validator) (map[int64]byte, transport.Meta) {
	t.Helper()
	got := map[int64]byte{}
	var m transport.Meta
	for len(want) > 0 {
		before := len(got)
		var err error
		if m, err = ask(t, d, src, want, v, got); err != nil {
			t.Fatal(err)
		}
		var left []job.Range
		for _, r := range want {
			for r.Start < r.End || r.End < 0 {
				if _, have := got[r.Start]; !have {
					break
				}
				r.Start++
			}
			if r.Start < r.End || (r.End < 0 && r.Start < m.Size) {
				left = append(left, r)
			}
		}
		if want = left; len(got) == before && len(want) > 0 {
			t.Fatalf("nothing came of %v", want)
		}
	}
	return got, m
}

// ask reads one answer into got.
func ask(t *testing.T, d transport.Downloader, src transport.Source, want []job.Range, v job.Validator, got map[int64]byte) (transport.Meta, error) {
	t.Helper()
	parts, m, err := d.OpenRanges(t.Context(), src, want, v)
	if err != nil {
		checkError(t, err)
		return m, err
	}
	defer parts.Close()
	for {
		r, body, err := parts.Next()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			checkError(t, err)
			return m, err
		}
		b, err := io.ReadAll(body)
		for i, c := range b {
			got[r.Start+int64(i)] = c
		}
		if err != nil {
			checkError(t, err)
			return m, err
		}
		if r.End >= 0 && r.Len() != int64(len(b)) {
			t.Errorf("the part %v has %d bytes", r, len(b))
		}
	}
}

// agree compares what was asked for with the source.
func agree(t *testing.T, source []byte, want []job.Range, got map[int64]byte) {
	t.Helper()
	for at, b := range got {
		if at >= int64(len(source)) || source[at] != b {
			t.Fatalf("byte %d of the source is wrong", at)
		}
	}
	for _, r := range want {
		if r.End < 0 {
			r.End = int64(len(source))
		}
		for at := r.Start; at < r.End; at++ {
			if _, have := got[at]; !have {
				t.Fatalf("byte %d of %v did not come", at, r)
			}
		}
	}
}

func ranges(t *testing.T, f Fixture) {
	source := content(100_000)
	d, src := f.New(t), f.Serve(t, Remote{Content: source, Version: 1})
	_, whole := must(t, d, src, 0, job.Validator{})
	for _, want := range [][]job.Range{
		{{Start: 0, End: 1}},
		{{Start: 99_999, End: 100_000}},
		{{Start: 10, End: 20}, {Start: 50_000, End: 60_000}},
		{{Start: 50_000, End: 60_000}, {Start: 10, End: 20}, {Start: 20, End: 30}},
		{{Start: 0, End: 50_000}, {Start: 50_000, End: 100_000}},
		{{Start: 90_000, End: 200_000}},
	} {
		got, m := gather(t, d, src, clipped(want, 100_000), whole.Validator)
		agree(t, source, clipped(want, 100_000), got)
		if m.Size != 100_000 || !m.Same || m.Validator != whole.Validator {
			t.Errorf("%v: meta %+v", want, m)
		}
	}
}

// clipped is want without what is behind the end.
func clipped(want []job.Range, size int64) []job.Range {
	out := append([]job.Range(nil), want...)
	for i := range out {
		out[i].End = min(out[i].End, size)
	}
	return out
}

func rangesManyAndSmall(t *testing.T, f Fixture) {
	source := content(200_000)
	var want []job.Range
	for i := range int64(500) {
		want = append(want, job.Range{Start: i * 400, End: i*400 + 1 + i%300})
	}
	got, _ := gather(t, f.New(t), f.Serve(t, Remote{Content: source, Version: 1}), want, job.Validator{})
	agree(t, source, want, got)
}

func rangesToTheEnd(t *testing.T, f Fixture) {
	source := content(10_000)
	d, src := f.New(t), f.Serve(t, Remote{Content: source, Version: 1})
	for _, want := range [][]job.Range{{{Start: 9000, End: -1}}, {{Start: 0, End: -1}}, {{Start: 5, End: 10}, {Start: 9999, End: -1}}} {
		got, m := gather(t, d, src, want, job.Validator{})
		if agree(t, source, want, got); m.Size != 10_000 || m.Same {
			t.Errorf("%v: meta %+v", want, m)
		}
	}
}

func rangesNothingAtTheEnd(t *testing.T, f Fixture) {
	parts, m, err := f.New(t).OpenRanges(t.Context(), f.Serve(t, Remote{Content: content(100), Version: 1}), []job.Range{{Start: 100, End: -1}}, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	if _, _, err := parts.Next(); !errors.Is(err, io.EOF) || m.Size != 100 {
		t.Errorf("Next: %v, meta %+v; want no parts and the size", err, m)
	}
}

func rangesOutside(t *testing.T, f Fixture) {
	d, src := f.New(t), f.Serve(t, Remote{Content: content(100), Version: 1})
	for _, want := range [][]job.Range{{{Start: 100, End: 101}}, {{Start: 101, End: -1}}, {{Start: 200, End: 210}, {Start: 300, End: 310}}} {
		_, err := ask(t, d, src, want, job.Validator{}, map[int64]byte{})
		var e *job.Error
		if !errors.As(err, &e) || e.Code != job.InvalidRange || e.Class != job.Fatal || e.Context != job.ContextRemoteFile {
			t.Errorf("%v: error %v, want that the range is invalid", want, err)
		}
	}
}

func rangesNoParts(t *testing.T, f Fixture) {
	source := content(10_000)
	want := []job.Range{{Start: 5000, End: 5100}, {Start: 10, End: 20}}
	got, m := gather(t, f.New(t), f.Serve(t, Remote{Content: source, Version: 1, NoParts: true}), want, job.Validator{})
	if agree(t, source, want, got); m.Size != 10_000 {
		t.Errorf("meta %+v", m)
	}
}

func rangesUnknownSize(t *testing.T, f Fixture) {
	source := content(10_000)
	want := []job.Range{{Start: 5000, End: 5100}}
	got, m := gather(t, f.New(t), f.Serve(t, Remote{Content: source, NoParts: true, NoSize: true}), want, job.Validator{})
	if agree(t, source, want, got); m.Size != job.UnknownSize {
		t.Errorf("meta %+v", m)
	}
}

func rangesChanged(t *testing.T, f Fixture) {
	d, source := f.New(t), content(10_001)
	_, old := must(t, d, f.Serve(t, Remote{Content: content(10_000), Version: 1}), 0, job.Validator{})
	want := []job.Range{{Start: 10, End: 20}, {Start: 5000, End: 5010}}
	got, m := gather(t, d, f.Serve(t, Remote{Content: source, Version: 2}), want, old.Validator)
	if agree(t, source, want, got); m.Same || m.Validator == old.Validator {
		t.Errorf("meta %+v, want another version than %+v", m, old.Validator)
	}
}

func rangesNoVersion(t *testing.T, f Fixture) {
	for _, r := range []Remote{{Content: content(100)}, {Content: content(100), Version: 1, WeakVersion: true}} {
		d, src := f.New(t), f.Serve(t, r)
		_, whole := must(t, d, src, 0, job.Validator{})
		if _, m := gather(t, d, src, []job.Range{{Start: 1, End: 2}}, whole.Validator); m.Same {
			t.Errorf("%+v proves %+v", m.Validator, whole.Validator)
		}
	}
}

func rangesCut(t *testing.T, f Fixture) {
	source := content(50_000)
	src := f.Serve(t, Remote{Content: source, Version: 1, Cut: 20_000})
	for _, want := range [][]job.Range{{{Start: 0, End: 40_000}}, {{Start: 0, End: 10}, {Start: 100, End: 40_000}}, {{Start: 0, End: -1}}} {
		got := map[int64]byte{}
		_, err := ask(t, f.New(t), src, want, job.Validator{}, got)
		if err == nil {
			t.Fatalf("%v: a part that was cut ended without an error", want)
		}
		if e := checkError(t, err); e.Class != job.Transient {
			t.Errorf("%v: class %v, want transient: %v", want, e.Class, e)
		}
		agree(t, source, nil, got)
	}
}

func rangesStall(t *testing.T, f Fixture) {
	src := f.Serve(t, Remote{Content: content(1000), Version: 1, Stall: 300})
	src.Network.StallTimeout = job.Duration(500 * time.Millisecond)
	_, err := ask(t, f.New(t), src, []job.Range{{Start: 0, End: 100}, {Start: 500, End: 900}}, job.Validator{}, map[int64]byte{})
	if err == nil {
		t.Fatal("no error")
	}
	if e := checkError(t, err); e.Class != job.Transient {
		t.Errorf("class %v, want transient", e.Class)
	}
}

func rangesMissing(t *testing.T, f Fixture) {
	_, err := ask(t, f.New(t), f.Serve(t, Remote{Missing: true}), []job.Range{{Start: 0, End: 1}, {Start: 5, End: 6}}, job.Validator{}, nil)
	if err == nil {
		t.Fatal("no error")
	}
	if e := checkError(t, err); e.Class != job.Fatal {
		t.Errorf("class %v, want fatal", e.Class)
	}
}

func rangesSkipped(t *testing.T, f Fixture) {
	source := content(100_000)
	want := []job.Range{{Start: 0, End: 30_000}, {Start: 60_000, End: 90_000}}
	parts, _, err := f.New(t).OpenRanges(t.Context(), f.Serve(t, Remote{Content: source, Version: 1}), want, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	for n := 0; ; n++ {
		r, body, err := parts.Next()
		if errors.Is(err, io.EOF) && n > 0 {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		if _, err := io.ReadFull(body, b); err != nil || !bytes.Equal(b, source[r.Start:r.Start+100]) {
			t.Errorf("the beginning of part %v is wrong, %v", r, err)
		}
	}
}

func rangesCancelled(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	src := f.Serve(t, Remote{Content: content(1000), Version: 1, Stall: 500})
	parts, _, err := f.New(t).OpenRanges(ctx, src, []job.Range{{Start: 0, End: 1000}}, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	defer parts.Close()
	_, body, err := parts.Next()
	if err == nil {
		_, err = io.ReadFull(body, make([]byte, 500))
	}
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, err = body.Read(make([]byte, 500)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want context.Canceled in it", err)
	}
}

func rangesCloseEarly(t *testing.T, f Fixture) {
	src := f.Serve(t, Remote{Content: content(1 << 20), Version: 1, Stall: 1 << 19})
	parts, _, err := f.New(t).OpenRanges(t.Context(), src, []job.Range{{Start: 0, End: 1 << 20}}, job.Validator{})
	if err != nil {
		t.Fatal(err)
	}
	_, body, err := parts.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := parts.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if n, err := body.Read(make([]byte, 10)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("Read after Close = %s", fmt.Sprint(n, err))
	}
}
