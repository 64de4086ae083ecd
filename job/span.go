package job

// ToEOF is the Length of a Span that ends where the remote file does (BG_LENGTH_TO_EOF).
const ToEOF int64 = -1

// Span is a part of a remote file (BG_FILE_RANGE).
type Span struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"` // ToEOF for all that follows
}

// checkSpans refuses what BITS does, in the order given: 100:5 then 100:0 overlap, 100:0 then 100:5 do not.
func checkSpans(spans []Span) error {
	for i, s := range spans {
		if s.Offset < 0 || s.Length < ToEOF || (s.Length > 0 && s.Offset+s.Length < s.Offset) {
			return Invalid(InvalidRange, "range %d:%d is none: write OFFSET:LENGTH, or OFFSET:eof", s.Offset, s.Length)
		}
		for _, earlier := range spans[:i] {
			if earlier.overlaps(s) {
				return Invalid(OverlappingRanges, "range %d:%d overlaps %d:%d", s.Offset, s.Length, earlier.Offset, earlier.Length)
			}
		}
	}
	return nil
}

// overlaps reports whether o begins or ends within s, of which the first byte counts even if o is empty.
func (s Span) overlaps(o Span) bool {
	if o.Length == 0 {
		return s.Length != 0 && o.Offset >= s.Offset && (s.Length == ToEOF || o.Offset < s.Offset+s.Length)
	}
	beginsBeforeEnd := func(a, b Span) bool { return b.Length == ToEOF || a.Offset < b.Offset+b.Length }
	return s.Length != 0 && beginsBeforeEnd(s, o) && beginsBeforeEnd(o, s)
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

// sizeOfRanges is the size of the local file as far as the ranges alone tell it.
func (f File) sizeOfRanges() int64 {
	var size int64
	for _, s := range f.Ranges {
		switch {
		case s.Length == ToEOF:
			return UnknownSize
		case f.Sparse:
			size = max(size, s.Offset+s.Length)
		default:
			size += s.Length
		}
	}
	if len(f.Ranges) == 0 {
		return UnknownSize
	}
	return size
}

// Piece says where bytes of the remote file belong in the local one.
type Piece struct {
	Remote Range // End −1: to the end of the remote file
	Local  int64 // where the first of them goes
}

// Pieces are the parts that the file is made of, in the order given: one for all of it when it has no ranges. That one, and one to
// the end of the remote file, have End −1 as long as Size is unknown.
func (f File) Pieces() []Piece {
	if len(f.Ranges) == 0 {
		return []Piece{{Remote: Range{0, f.Size}}}
	}
	var out []Piece
	var fixed int64
	for _, s := range f.Ranges {
		fixed += max(s.Length, 0)
	}
	at := int64(0)
	for _, s := range f.Ranges {
		length := s.Length
		if length == ToEOF && f.Size >= 0 {
			length = f.Size - fixed
			if f.Sparse {
				length = f.Size - s.Offset
			}
		}
		p := Piece{Remote: Range{s.Offset, s.Offset + length}, Local: at}
		if length < 0 {
			p.Remote.End = -1
		}
		if f.Sparse {
			p.Local = s.Offset
		}
		if length != 0 {
			out = append(out, p)
		}
		at += max(length, 0)
	}
	return out
}

// whole is all that is stored of the file once it is done.
func (f File) whole() Ranges {
	if !f.Sparse {
		return Prefix(f.Size)
	}
	var out Ranges
	for _, p := range f.Pieces() {
		out = out.Add(p.Remote)
	}
	return out
}
