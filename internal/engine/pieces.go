package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/ebb-transfer/ebb/job"
)

// missing is what is to be fetched of f beside what is filled, in the order in which to fetch it: what was
// requested first, and of that and of the rest first what follows the position. On demand nothing
// but what was requested is. Pieces whose place depends on the size of the remote file wait until that is known.
func missing(f job.File, filled job.Ranges, onDemand bool) []job.Piece {
	pieces := slices.DeleteFunc(f.Pieces(), func(p job.Piece) bool { return p.Local < 0 })
	_, gaps := split(pieces, filled)
	slices.SortFunc(gaps, func(a, b job.Piece) int { return cmp.Compare(a.Local, b.Local) })
	requested, rest := split(gaps, f.Requested)
	if onDemand {
		rest = nil
	}
	return append(from(requested, f.Position), from(rest, f.Position)...)
}

// from is pieces in another order: what is before the position comes last.
func from(pieces []job.Piece, position int64) []job.Piece {
	before, after := split(pieces, job.Prefix(position))
	return append(after, before...)
}

// split divides pieces into the bytes that are in a set, as places in the local file, and those that are not.
func split(pieces []job.Piece, set job.Ranges) (in, out []job.Piece) {
	for _, p := range pieces {
		at, end := p.Local, int64(-1)
		if p.Remote.End >= 0 {
			end = at + p.Remote.Len()
		}
		first, _ := slices.BinarySearchFunc(set, at, func(r job.Range, at int64) int { return cmp.Compare(r.End, at+1) })
		for _, r := range set[first:] {
			if end >= 0 {
				r.End = min(r.End, end)
			}
			if r.End <= r.Start {
				break
			}
			if r.Start > at {
				out = append(out, cut(p, at, r.Start))
			}
			at = max(at, r.Start)
			in = append(in, cut(p, at, r.End))
			at = r.End
		}
		if end < 0 || at < end {
			out = append(out, cut(p, at, end))
		}
	}
	return in, out
}

// cut is the part of p between two places in the local file; −1 is the end of a piece that has none.
func cut(p job.Piece, start, end int64) job.Piece {
	shift := p.Remote.Start - p.Local
	part := job.Piece{Remote: job.Range{Start: start + shift, End: -1}, Local: start}
	if end >= 0 {
		part.Remote.End = end + shift
	}
	return part
}

// remotes is what to ask a server for. Nothing is asked for behind a piece without an end.
func remotes(gaps []job.Piece) []job.Range {
	var out []job.Range
	for _, g := range gaps {
		if out = append(out, g.Remote); g.Remote.End < 0 {
			break
		}
	}
	return out
}

// overlap is where a gap and a part of the remote file have bytes in common, as places in the remote file; End is −1 if both have
// no end.
func overlap(gap, part job.Range) (job.Range, bool) {
	both := job.Range{Start: max(gap.Start, part.Start), End: min(gap.End, part.End)}
	if gap.End < 0 || part.End < 0 {
		both.End = max(gap.End, part.End)
	}
	return both, both.End < 0 || both.Start < both.End
}

// checkRanges refuses what a remote file of that size does not have.
func checkRanges(f job.File, size int64) error {
	outside := func(start, end int64) error {
		return &job.Error{
			Context: job.ContextRemoteFile, Code: job.InvalidRange, Class: job.Fatal,
			Text: fmt.Sprintf("the remote file has %d bytes, so there are no bytes %d to %d; ask for bytes that it has", size, start, end-1),
		}
	}
	for _, s := range f.Ranges {
		if end := s.Offset + max(s.Length, 0); end > size && s.Length != 0 {
			return outside(s.Offset, max(end, s.Offset+1))
		}
	}
	// Once the size is stored, what is requested behind the end counts for nothing.
	if n := len(f.Requested); n > 0 && f.Size < 0 && f.Requested[n-1].End > size {
		return outside(f.Requested[n-1].Start, f.Requested[n-1].End)
	}
	return nil
}
