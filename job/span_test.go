package job

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func codeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return OK
}

func TestWhichRangesAreAccepted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spans []Span
		want  Code
	}{
		"none":                                {nil, OK},
		"one":                                 {[]Span{{0, 1}}, OK},
		"to the end":                          {[]Span{{0, ToEOF}}, OK},
		"in any order":                        {[]Span{{100, 5}, {0, 10}, {50, 50}}, OK},
		"neighbors":                           {[]Span{{0, 10}, {10, 10}}, OK},
		"the end first":                       {[]Span{{100, ToEOF}, {0, 100}}, OK},
		"the same twice":                      {[]Span{{0, 10}, {0, 10}}, OverlappingRanges},
		"the same with one between":           {[]Span{{0, 10}, {20, 5}, {0, 10}}, OverlappingRanges},
		"one byte in common":                  {[]Span{{0, 11}, {10, 10}}, OverlappingRanges},
		"one within the other":                {[]Span{{0, 100}, {10, 10}}, OverlappingRanges},
		"after one to the end":                {[]Span{{100, ToEOF}, {200, 1}}, OverlappingRanges},
		"twice to the end":                    {[]Span{{100, ToEOF}, {200, ToEOF}}, OverlappingRanges},
		"empty, after its place":              {[]Span{{100, 5}, {100, 0}}, OverlappingRanges},
		"empty, before its place":             {[]Span{{100, 0}, {100, 5}}, OK},
		"empty, within another":               {[]Span{{102, 0}, {100, 5}}, OverlappingRanges},
		"empty, at another's end":             {[]Span{{100, 5}, {105, 0}}, OK},
		"empty, twice":                        {[]Span{{100, 0}, {100, 0}}, OverlappingRanges},
		"a negative offset":                   {[]Span{{-1, 5}}, InvalidRange},
		"the end as an offset":                {[]Span{{ToEOF, ToEOF}}, InvalidRange},
		"a negative length":                   {[]Span{{0, -2}}, InvalidRange},
		"more than there can be":              {[]Span{{1, 1<<63 - 1}}, InvalidRange},
		"just what there can be":              {[]Span{{1, 1<<63 - 2}}, OK},
		"a wrong one is told before overlaps": {[]Span{{0, 5}, {0, 5}, {-1, 1}}, InvalidRange},
	} {
		spec := FileSpec{URL: "https://example.com/a", Local: "/d/a", Ranges: tc.spans}
		if _, err := spec.file(); codeOf(err) != tc.want {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	sparse := FileSpec{URL: "https://example.com/a", Local: "/d/a", Sparse: true}
	if _, err := sparse.file(); codeOf(err) != InvalidArg {
		t.Errorf("sparse without ranges: %v", err)
	}
}

// TestManyRanges: as many as nobody limits must not take the square of their number.
func TestManyRanges(t *testing.T) {
	t.Parallel()
	spans := make([]Span, 200_000)
	for i := range spans {
		spans[i] = Span{int64(len(spans)-i) * 10, 10}
	}
	if err := checkSpans(spans); err != nil {
		t.Error(err)
	}
}

func TestPieces(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file   File
		want   []Piece
		size   int64 // of the local file, before the remote one is known
		wanted int64
	}{
		"the whole, unknown": {File{Size: UnknownSize}, []Piece{{Range{0, -1}, 0}}, UnknownSize, UnknownSize},
		"the whole, known":   {File{Size: 7}, []Piece{{Range{0, 7}, 0}}, UnknownSize, 7},
		"in the order given": {
			File{Size: 30, Ranges: []Span{{100, 10}, {0, 20}}},
			[]Piece{{Range{100, 110}, 0}, {Range{0, 20}, 10}},
			30, 30,
		},
		"an empty one": {File{Size: 10, Ranges: []Span{{5, 0}, {100, 10}}}, []Piece{{Range{100, 110}, 0}}, 10, 10},
		"to the end": {
			File{Size: UnknownSize, Ranges: []Span{{0, 10}, {100, ToEOF}}},
			[]Piece{{Range{0, 10}, 0}, {Range{100, -1}, 10}},
			UnknownSize, UnknownSize,
		},
		"behind the end, where that is unknown": {
			File{Size: UnknownSize, Ranges: []Span{{100, ToEOF}, {0, 10}, {20, 5}}},
			[]Piece{{Range{100, -1}, 0}, {Range{0, 10}, -1}, {Range{20, 25}, -1}},
			UnknownSize, UnknownSize,
		},
		"behind the end, where that is known": { // the remote file has 150 bytes
			File{Size: 65, Ranges: []Span{{100, ToEOF}, {0, 10}, {20, 5}}},
			[]Piece{{Range{100, 150}, 0}, {Range{0, 10}, 50}, {Range{20, 25}, 60}},
			UnknownSize, 65,
		},
		"an end that is empty": {File{Size: 10, Ranges: []Span{{100, ToEOF}, {0, 10}}}, []Piece{{Range{0, 10}, 0}}, UnknownSize, 10},
		"sparse": {
			File{Size: 110, Sparse: true, Ranges: []Span{{100, 10}, {0, 20}}},
			[]Piece{{Range{100, 110}, 100}, {Range{0, 20}, 0}},
			110, 30,
		},
		"sparse to the end, unknown": {
			File{Size: UnknownSize, Sparse: true, Ranges: []Span{{100, ToEOF}, {0, 20}}},
			[]Piece{{Range{100, -1}, 100}, {Range{0, 20}, 0}},
			UnknownSize, UnknownSize,
		},
		"sparse to the end, known": {
			File{Size: 150, Sparse: true, Ranges: []Span{{100, ToEOF}, {0, 20}}},
			[]Piece{{Range{100, 150}, 100}, {Range{0, 20}, 0}},
			UnknownSize, 70,
		},
	} {
		if diff := cmp.Diff(tc.want, tc.file.Pieces()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got := tc.file.LocalSize(UnknownSize); got != tc.size {
			t.Errorf("%s: local size %d, want %d", name, got, tc.size)
		}
		if got := tc.file.Wanted(); got != tc.wanted {
			t.Errorf("%s: %d bytes wanted, want %d", name, got, tc.wanted)
		}
	}
}

// TestPiecesMakeTheFile copies by Pieces what BITS documents: one range after another, or each at its own place.
func TestPiecesMakeTheFile(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		remote := make([]byte, rapid.IntRange(0, 40).Draw(t, "remote size"))
		for i := range remote {
			remote[i] = byte(i + 1)
		}
		var spans []Span
		for range rapid.IntRange(1, 5).Draw(t, "ranges") {
			s := Span{int64(rapid.IntRange(0, len(remote)).Draw(t, "offset")), int64(rapid.IntRange(-1, 10).Draw(t, "length"))}
			if s.Length != ToEOF {
				s.Length = min(s.Length, int64(len(remote))-s.Offset)
			}
			if checkSpans(append(spans, s)) == nil {
				spans = append(spans, s)
			}
		}
		if len(spans) == 0 {
			return
		}
		f := File{Ranges: spans, Sparse: rapid.Bool().Draw(t, "sparse")}
		f.Size = f.LocalSize(int64(len(remote)))
		want := make([]byte, 0, f.Size)
		for _, s := range spans {
			part := remote[s.Offset:]
			if s.Length != ToEOF {
				part = part[:s.Length]
			}
			if f.Sparse {
				want = append(want, make([]byte, max(0, int(s.Offset)+len(part)-len(want)))...)
				copy(want[s.Offset:], part)
			} else {
				want = append(want, part...)
			}
		}
		got := make([]byte, f.Size)
		bytes := int64(0)
		for _, p := range f.Pieces() {
			copy(got[p.Local:], remote[p.Remote.Start:p.Remote.End])
			bytes += p.Remote.Len()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v (-want +got):\n%s", f, diff)
		}
		if f.Wanted() != bytes || f.Whole().Len() != bytes {
			t.Fatalf("%+v: %d bytes in pieces, %d wanted, %v when done", f, bytes, f.Wanted(), f.Whole())
		}
	})
}

// TestSparseFileInTheTotals: only what was asked for counts.
func TestSparseFileInTheTotals(t *testing.T) {
	t.Parallel()
	j := step(t, newJob(t, Download, usual()), t0, AddFiles{[]FileSpec{
		{URL: "https://example.com/a", Local: "/d/a", Ranges: []Span{{1000, 10}, {0, 20}}, Sparse: true},
		{URL: "https://example.com/b", Local: "/d/b", Ranges: []Span{{1000, 10}, {0, 20}}},
	}}, Resume{}, Progress{File: 1, Filled: Ranges{{1000, 1005}}, Size: 1010})
	if want := (Totals{Files: 2, Bytes: 60, Filled: 5}); j.Totals != want {
		t.Errorf("totals %+v, want %+v", j.Totals, want)
	}
	j = step(t, j, t0, FileDone{1, 1010}, FileDone{2, 30})
	if want := (Totals{Files: 2, FilesDone: 2, Bytes: 60, Filled: 60}); j.Totals != want || j.State != Transferred {
		t.Errorf("%v with totals %+v, want %+v", j.State, j.Totals, want)
	}
	if f, _ := j.Files.Get(1); f.Filled.String() != "0-19,1000-1009" || f.Size != 1010 {
		t.Errorf("the sparse file has %v of %d", f.Filled, f.Size)
	}
}

func TestFetchable(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		onDemand bool
		file     File
		want     bool
	}{
		"ordinary":                           {false, File{Size: UnknownSize}, true},
		"done":                               {false, File{Done: true}, false},
		"skipped":                            {false, File{Skipped: true}, false},
		"removed":                            {false, File{Removed: true}, false},
		"on demand, nothing asked for":       {true, File{Size: UnknownSize}, false},
		"on demand, something asked for":     {true, File{Size: UnknownSize, Requested: Ranges{{10, 20}}}, true},
		"on demand, a part of it is here":    {true, File{Size: UnknownSize, Requested: Ranges{{10, 20}}, Filled: Ranges{{10, 19}}}, true},
		"on demand, it is here":              {true, File{Size: 100, Requested: Ranges{{10, 20}}, Filled: Ranges{{0, 20}}}, false},
		"on demand, all of the file is here": {true, File{Size: 100, Requested: Ranges{{10, 20}}, Filled: Prefix(100)}, true},
		"on demand, the file is shorter":     {true, File{Size: 15, Requested: Ranges{{10, 20}}, Filled: Ranges{{10, 15}}}, false},
		"on demand, the file ends before":    {true, File{Size: 5, Requested: Ranges{{10, 20}}}, false},
		"on demand, an empty file":           {true, File{Size: 0}, true},
	} {
		j := Job{Settings: Settings{OnDemand: tc.onDemand}}
		if got := j.Fetchable(tc.file); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
