package job

import (
	"cmp"
	"math"
	"slices"
)

// ToEOF is the Length of a Span that ends where the remote file does (BG_LENGTH_TO_EOF).
const ToEOF int64 = -1

// Span is a part of a remote file (BG_FILE_RANGE).
type Span struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"` // ToEOF for all that follows
}

// end is where the span ends, of which that of ToEOF is after all others.
func (s Span) end() int64 {
	if s.Length == ToEOF {
		return math.MaxInt64
	}
	return s.Offset + s.Length
}

// checkSpans refuses what BITS does: ranges that overlap or are there twice. An empty one within another overlaps
// it; where both begin at the same byte, only if it comes later: 100:5 and 100:0 overlap, 100:0 and 100:5 do not.
func checkSpans(spans []Span) error {
	for _, s := range spans {
		if s.Offset < 0 || s.Length < ToEOF || s.end() < s.Offset {
			return Invalid(InvalidRange, "range %d:%d is none: write OFFSET:LENGTH, or OFFSET:eof", s.Offset, s.Length)
		}
	}
	sorted := slices.Clone(spans)
	slices.SortStableFunc(sorted, func(a, b Span) int { return cmp.Compare(a.Offset, b.Offset) })
	for i := 1; i < len(sorted); i++ {
		a, b := sorted[i-1], sorted[i]
		if b.Offset < a.end() || a == b {
			return Invalid(OverlappingRanges, "range %d:%d overlaps %d:%d", b.Offset, b.Length, a.Offset, a.Length)
		}
	}
	return nil
}

// Wanted is how many bytes of the file are to be fetched: those of its ranges, else all. UnknownSize when that
// cannot be told yet.
func (f File) Wanted() int64 {
	if !f.Sparse {
		return f.Size
	}
	var n int64
	for _, p := range f.Pieces() {
		if p.Remote.End < 0 {
			return UnknownSize
		}
		n += p.Remote.Len()
	}
	return n
}

// LocalSize is the size of the local file if the remote one has that many bytes. UnknownSize when that cannot be told
// without the size of the remote file, and it is unknown.
func (f File) LocalSize(remote int64) int64 {
	if len(f.Ranges) == 0 {
		return remote
	}
	var size int64
	for _, s := range f.Ranges {
		if s.Length == ToEOF {
			if remote < 0 {
				return UnknownSize
			}
			s.Length = max(remote-s.Offset, 0)
		}
		if f.Sparse {
			size = max(size, s.end())
		} else {
			size += s.Length
		}
	}
	return size
}

// Piece says where bytes of the remote file belong in the local one.
type Piece struct {
	Remote Range // End −1: to the end of the remote file
	Local  int64 // where the first of them goes; −1 as long as that depends on the size of the remote file
}

// Pieces are the parts that the file is made of, in the order given: one for all of it when it has no ranges. That one, and one to
// the end of the remote file, have End −1 as long as Size is unknown. Empty ones are left out.
func (f File) Pieces() []Piece {
	if len(f.Ranges) == 0 {
		return []Piece{{Remote: Range{0, f.Size}}}
	}
	var out []Piece
	at := int64(0)
	for _, s := range f.Ranges {
		p := Piece{Remote: Range{s.Offset, s.Offset + s.Length}, Local: at}
		if s.Length == ToEOF {
			p.Remote.End = f.remoteEnd(s.Offset)
		}
		if f.Sparse {
			p.Local = s.Offset
		}
		if p.Remote.Len() != 0 {
			out = append(out, p)
		}
		switch {
		case p.Remote.End < 0:
			at = -1
		case at >= 0:
			at += p.Remote.Len()
		}
	}
	return out
}

// remoteEnd is where the remote file ends, of which a range from offset on takes the rest; −1 when that is unknown.
func (f File) remoteEnd(offset int64) int64 {
	switch {
	case f.Size < 0:
		return -1
	case f.Sparse:
		return max(f.Size, offset)
	}
	rest := f.Size
	for _, s := range f.Ranges {
		rest -= max(s.Length, 0)
	}
	return offset + max(rest, 0)
}

// Whole is all that is stored of the file once it is done, by offsets in the file that it is stored in: the ranges of a sparse
// file, else everything up to Size. What has no known end as long as Size is unknown is left out.
func (f File) Whole() Ranges {
	if !f.Sparse {
		return Prefix(f.Size)
	}
	var out Ranges
	for _, p := range f.Pieces() {
		out = out.Add(p.Remote)
	}
	return out
}
