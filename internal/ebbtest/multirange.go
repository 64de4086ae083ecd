package ebbtest

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// manner is how a server answers a request for several ranges.
type manner int

const (
	inParts    manner = iota // as RFC 9110 section 15.3.7.2 has it
	asAWhole                 // 200
	merged                   // one part from the first byte asked for to the last
	reversed                 // the parts in the other order
	onlyFirst                // the others are left out
	sloppy                   // whatever RFC 2046 allows, and lines that end in LF
	endless                  // the first part again and again
	mislabeled               // parts that are a byte longer than they say
	unlabeled                // parts that do not say where they belong
	tailMerged               // the first part as asked for, the others merged
)

// parseRanges reads a list of ranges (RFC 9110 section 14.1.2), without those that the file does not have.
func parseRanges(field string, size int64) []byteRange {
	var out []byteRange
	for spec := range strings.SplitSeq(strings.TrimPrefix(field, "bytes="), ",") {
		if r, ok := parseRange("bytes="+strings.TrimSpace(spec), size); ok && r.first < size {
			out = append(out, r)
		}
	}
	return out
}

// ranges answers a request for several ranges.
func (a *answer) ranges() {
	size := a.script.content.Size()
	asked := parseRanges(a.rec.Range, size)
	switch {
	case a.script.refuseRanges != 0:
		a.WriteHeader(a.script.refuseRanges)
		return
	case a.script.manner == asAWhole:
		a.send(http.StatusOK, io.NewSectionReader(a.script.content, 0, size))
		return
	case len(asked) == 0:
		a.unsatisfiable()
		return
	}
	switch a.script.manner {
	case merged:
		for _, r := range asked[1:] {
			asked[0] = byteRange{min(asked[0].first, r.first), max(asked[0].last, r.last)}
		}
		a.part(asked[0])
		return
	case reversed:
		slices.Reverse(asked)
	case onlyFirst:
		asked = asked[:1]
	case tailMerged:
		asked = []byteRange{asked[0], {0, size - 1}}
	case endless:
		asked = slices.Repeat(asked[:1], 100_000)
	case inParts, asAWhole, sloppy, mislabeled, unlabeled:
	}
	a.send(http.StatusPartialContent, a.multipart(asked))
}

// part answers with one part of the file.
func (a *answer) part(r byteRange) {
	size := a.script.content.Size()
	a.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", r.first, r.last, size+a.script.rangeTotal))
	a.send(http.StatusPartialContent, io.NewSectionReader(a.script.content, r.first, r.last-r.first+1))
}

// multipart is the body of an answer with several parts.
func (a *answer) multipart(asked []byteRange) *io.SectionReader {
	const boundary = "a boundary: 1+1=2"
	a.Header().Set("Content-Type", `multipart/byteranges; charset=x; boundary="`+boundary+`"`)
	size := a.script.content.Size() + a.script.rangeTotal
	before, fields, after := "", "Content-Type: application/octet-stream\r\n", ""
	if a.script.manner == sloppy {
		before = "This is no part.\r\n\r\n--" + boundary + "ish\r\n"
		fields = "X-Folded: one\r\n two\r\nx-long: " + strings.Repeat("y", 2000) + "\r\n"
		after = "\r\nNeither is this.\r\n--" + boundary + "\r\n"
	}
	body := &concat{}
	text := func(s string) {
		if a.script.manner == sloppy {
			s = strings.ReplaceAll(s, "\r\n", "\n")
		}
		body.add(io.NewSectionReader(strings.NewReader(s), 0, int64(len(s))))
	}
	text(before)
	for _, r := range asked {
		last := r.last
		if a.script.manner == mislabeled {
			last--
		}
		where := fmt.Sprintf("content-range: bytes %d-%d/%d\r\n", r.first, last, size)
		if a.script.manner == unlabeled {
			where = ""
		}
		text("\r\n--" + boundary + "\r\n" + fields + where + "\r\n")
		body.add(io.NewSectionReader(a.script.content, r.first, r.last-r.first+1))
	}
	text("\r\n--" + boundary + "--\r\n" + after)
	return io.NewSectionReader(body, 0, body.size)
}

// concat is sections one behind the other.
type concat struct {
	sections []*io.SectionReader
	ends     []int64 // where each ends
	size     int64
}

func (c *concat) add(s *io.SectionReader) {
	c.size += s.Size()
	c.sections, c.ends = append(c.sections, s), append(c.ends, c.size)
}

// ReadAt reads up to the end of the section that off is in.
func (c *concat) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) && off < c.size {
		i, _ := slices.BinarySearch(c.ends, off+1)
		s := c.sections[i]
		m, _ := s.ReadAt(p[n:], off-(c.ends[i]-s.Size()))
		n, off = n+m, off+int64(m)
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}
