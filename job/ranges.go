package job

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Range is the bytes from Start up to, not including, End.
type Range struct{ Start, End int64 }

// Len is the number of bytes in r.
func (r Range) Len() int64 { return r.End - r.Start }

// Ranges is a set of bytes: sorted, without overlaps, neighbors merged, none empty.
// The zero value is the empty set. A Ranges is never changed in place, so it may be
// shared freely.
type Ranges []Range

// Prefix is the set of the first n bytes.
func Prefix(n int64) Ranges { return Ranges(nil).Add(Range{0, n}) }

// Add returns the set with the bytes of r as well.
func (s Ranges) Add(r Range) Ranges {
	if r.Len() <= 0 {
		return s
	}
	lo, _ := slices.BinarySearchFunc(s, r.Start, func(x Range, at int64) int { return cmp.Compare(x.End, at) })
	hi := lo
	for hi < len(s) && s[hi].Start <= r.End {
		r.Start, r.End = min(r.Start, s[hi].Start), max(r.End, s[hi].End)
		hi++
	}
	out := make(Ranges, 0, len(s)-(hi-lo)+1)
	out = append(out, s[:lo]...)
	out = append(out, r)
	return append(out, s[hi:]...)
}

// Union returns the bytes of both sets.
func (s Ranges) Union(t Ranges) Ranges {
	for _, r := range t {
		s = s.Add(r)
	}
	return s
}

// Len is the number of bytes in the set.
func (s Ranges) Len() int64 {
	var n int64
	for _, r := range s {
		n += r.Len()
	}
	return n
}

// Contains reports whether every byte of r is in the set.
func (s Ranges) Contains(r Range) bool {
	if r.Len() <= 0 {
		return true
	}
	return slices.ContainsFunc(s, func(x Range) bool { return x.Start <= r.Start && r.End <= x.End })
}

// First is the offset of the first byte that is not in the set.
func (s Ranges) First() int64 {
	if len(s) == 0 || s[0].Start > 0 {
		return 0
	}
	return s[0].End
}

// Missing returns the bytes of [0, size) that are not in the set. A negative size
// stands for a file of unknown length: everything after the last byte is missing too,
// and that last range has End −1.
func (s Ranges) Missing(size int64) Ranges {
	var out Ranges
	at := int64(0)
	for _, r := range s {
		if size >= 0 && r.Start >= size {
			break
		}
		if r.Start > at {
			out = append(out, Range{at, r.Start})
		}
		at = r.End
	}
	switch {
	case size < 0:
		out = append(out, Range{at, -1})
	case at < size:
		out = append(out, Range{at, size})
	}
	return out
}

// String writes the set as "0-99,200-299", with inclusive ends as in a Range header.
func (s Ranges) String() string {
	parts := make([]string, len(s))
	for i, r := range s {
		parts[i] = strconv.FormatInt(r.Start, 10) + "-" + strconv.FormatInt(r.End-1, 10)
	}
	return strings.Join(parts, ",")
}

// MarshalText writes the set as String does.
func (s Ranges) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Ranges) UnmarshalText(b []byte) error {
	var out Ranges
	for part := range strings.SplitSeq(string(b), ",") {
		if part == "" {
			continue
		}
		first, last, ok := strings.Cut(part, "-")
		from, err1 := strconv.ParseInt(first, 10, 64)
		to, err2 := strconv.ParseInt(last, 10, 64)
		if !ok || err1 != nil || err2 != nil || from < 0 || to < from || to == math.MaxInt64 {
			return fmt.Errorf("byte range %q is not FIRST-LAST", part)
		}
		out = out.Add(Range{from, to + 1})
	}
	*s = out
	return nil
}
