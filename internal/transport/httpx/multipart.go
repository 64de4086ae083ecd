package httpx

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	// maxPartHeader bounds the header of a part, and what stands before the first one, in bytes.
	maxPartHeader = 16 << 10
	// maxBoundary is more than the 70 characters of RFC 2046 section 5.1.1, which some servers do not keep to.
	maxBoundary = 256
)

// errMultipart is in every error about an answer that is no multipart/byteranges.
var errMultipart = errors.New("the answer is not valid multipart/byteranges")

func badMultipart(why string) error { return fmt.Errorf("%w: %s", errMultipart, why) }

// multipartReader reads multipart/byteranges (RFC 9110 section 14.6, RFC 2046 section 5.1). The bytes of a part are counted by
// its Content-Range, never searched for the boundary: they may hold it. Lines may end in LF alone.
type multipartReader struct {
	r         *bufio.Reader
	delimiter []byte // -- and the boundary
	begun     bool   // the preamble is over
	left      int64  // bytes of the part that were not read yet
}

// newMultipartReader reads r, whose Content-Type is given.
func newMultipartReader(r io.Reader, contentType string) (*multipartReader, error) {
	boundary := boundaryOf(contentType)
	if boundary == "" || len(boundary) > maxBoundary {
		return nil, badMultipart("there is no boundary in its Content-Type")
	}
	return &multipartReader{r: bufio.NewReaderSize(r, maxPartHeader), delimiter: []byte("--" + boundary)}, nil
}

// boundaryOf is the boundary of a Content-Type, also one that should have been quoted.
func boundaryOf(contentType string) string {
	_, rest, _ := strings.Cut(contentType, ";")
	for rest != "" {
		var name, value string
		if name, value, rest = nextParam(rest); name == "boundary" {
			return value
		}
	}
	return ""
}

// isMultipart knows the type of several parts, also by the name that it had before HTTP/1.1.
func isMultipart(contentType string) bool {
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	kind = strings.TrimSpace(kind)
	return kind == "multipart/byteranges" || kind == "multipart/x-byteranges"
}

// next goes to the next part, behind whatever was not read of the last one, and returns where it is in the source.
// After the last part the error is io.EOF.
func (m *multipartReader) next() (contentRange, error) {
	if _, err := io.Copy(io.Discard, m); err != nil {
		return contentRange{}, err
	}
	last, err := m.boundary()
	switch {
	case err != nil:
		return contentRange{}, unexpected(err)
	case last:
		return contentRange{}, io.EOF
	}
	r, err := m.header()
	if err != nil {
		return contentRange{}, unexpected(err)
	}
	m.left = r.last + 1 - r.first
	return r, nil
}

// Read reads the bytes of the part. io.EOF is its end, and never comes before it.
func (m *multipartReader) Read(p []byte) (int, error) {
	if m.left == 0 {
		return 0, io.EOF
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.left)])
	m.left -= int64(n)
	return n, unexpected(err)
}

// boundary reads up to the end of the line with the next delimiter, and reports whether it is the last one.
func (m *multipartReader) boundary() (last bool, err error) {
	budget := maxPartHeader
	if m.begun {
		budget = 2 // lines: the end of the part's last one, and the delimiter
	}
	for budget > 0 {
		line, err := m.line()
		if err != nil {
			return false, err
		}
		rest, found := bytes.CutPrefix(line, m.delimiter)
		rest, last := bytes.CutPrefix(rest, []byte("--"))
		if found && len(bytes.TrimRight(rest, " \t")) == 0 {
			m.begun = true
			return last, nil
		}
		if m.begun && len(line) > 0 {
			return false, badMultipart("a part is longer than its Content-Range")
		}
		if budget--; !m.begun {
			budget -= len(line)
		}
	}
	return false, badMultipart("there is no boundary where one should be")
}

// header reads the header of a part and returns its Content-Range, the one field of use.
func (m *multipartReader) header() (contentRange, error) {
	var field []byte // of Content-Range
	var wanted bool  // the line belongs to it
	for budget := maxPartHeader; budget > 0; {
		line, err := m.line()
		if err != nil {
			return contentRange{}, err
		}
		if len(line) == 0 {
			r, ok := parseContentRange(string(field))
			if !ok || r.first < 0 {
				return contentRange{}, badMultipart(fmt.Sprintf("a part has Content-Range %.60q", field))
			}
			return r, nil
		}
		budget -= len(line) + 1
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch folded := line[0] == ' ' || line[0] == '\t'; {
		case folded && wanted:
			field = append(append(field, ' '), bytes.TrimSpace(line)...)
		case folded:
		default:
			if wanted = bytes.EqualFold(bytes.TrimSpace(name), []byte("Content-Range")); wanted {
				field = bytes.Clone(bytes.TrimSpace(value))
			}
		}
	}
	return contentRange{}, badMultipart(fmt.Sprintf("the header of a part is longer than %d bytes", maxPartHeader))
}

// line reads a line without its end. It is valid until the next read.
func (m *multipartReader) line() ([]byte, error) {
	line, err := m.r.ReadSlice('\n')
	switch {
	case err == nil:
		return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), nil
	case errors.Is(err, bufio.ErrBufferFull):
		return nil, badMultipart("a line is too long")
	case errors.Is(err, io.EOF) && bytes.HasSuffix(line, []byte("--")):
		return line, nil // the last delimiter needs no end
	}
	return nil, err
}

// unexpected is err, in the middle of something.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
