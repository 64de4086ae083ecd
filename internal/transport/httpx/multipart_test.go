package httpx

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// readParts reads all parts that there are.
func readParts(contentType string, body io.Reader) ([]string, error) {
	m, err := newMultipartReader(body, contentType)
	if err != nil {
		return nil, err
	}
	var out []string
	for {
		r, err := m.next()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		b, err := io.ReadAll(m)
		if err != nil {
			return out, err
		}
		out = append(out, fmt.Sprintf("%d-%d/%d %s", r.first, r.last, r.size, b))
	}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	const kind = "multipart/byteranges; boundary=B"
	crlf := strings.NewReplacer("\n", "\r\n").Replace
	many := strings.Repeat("X-Long: "+strings.Repeat("y", 4000)+"\r\n", 3)
	tests := []struct {
		name, kind, body string
		want             []string
		err              string // part of the error's text
	}{
		{
			"as in RFC 9110", "multipart/byteranges; boundary=THIS_STRING_SEPARATES", crlf("--THIS_STRING_SEPARATES\nContent-Type: application/pdf\n" +
				"Content-Range: bytes 5-7/80\n\nabc\n--THIS_STRING_SEPARATES\nContent-Type: application/pdf\nContent-Range: bytes 70-71/80\n\nde\n--THIS_STRING_SEPARATES--\n"),
			[]string{"5-7/80 abc", "70-71/80 de"},
			"",
		},
		{"line ends before the first boundary", kind, "\r\n\r\n--B\r\nContent-Range: bytes 0-0/9\r\n\r\nx\r\n--B--\r\n", []string{"0-0/9 x"}, ""},
		{"preamble and epilogue", kind, "look:\r\n --B\r\n--Bother\r\n--B\r\nContent-Range: bytes 0-0/9\r\n\r\nx\r\n--B--\r\n--B\r\nmore", []string{"0-0/9 x"}, ""},
		{"LF alone", kind, "\n--B\ncontent-range:bytes 0-2/*\n\nx\ny\n--B--\n", []string{"0-2/-1 x\ny"}, ""},
		{"no line end behind the last boundary", kind, "--B\r\nContent-Range: bytes 0-0/9\r\n\r\nx\r\n--B--", []string{"0-0/9 x"}, ""},
		{"blanks behind a boundary", kind, "--B \t\r\nContent-Range: bytes 0-0/9\r\n\r\nx\r\n--B-- \r\n", []string{"0-0/9 x"}, ""},
		{"folded field", kind, "--B\r\nX: 1\r\n Content-Range: bytes 7-7/9\r\nContent-Range:\r\n\tbytes\r\n 0-0/9\r\n 2\r\n\r\nx\r\n--B--", nil, "Content-Range"},
		{"folded field that is whole", kind, "--B\r\nContent-Range:\r\n\tbytes\r\n 0-0/9\r\n\r\nx\r\n--B--", []string{"0-0/9 x"}, ""},
		{"boundary within a part", kind, "--B\r\nContent-Range: bytes 0-8/9\r\n\r\nx\r\n--B--y\r\n--B--", []string{"0-8/9 x\r\n--B--y"}, ""},
		{"quoted boundary", `multipart/byteranges; charset="a;b"; boundary="a \"b\""`, "--a \"b\"\r\nContent-Range: bytes 0-0/9\r\n\r\nx\r\n--a \"b\"--", []string{"0-0/9 x"}, ""},
		{"boundary that should have been quoted", "multipart/byteranges; boundary=a=b/c:d", "--a=b/c:d\r\nContent-Range: bytes 0-0/9\r\n\r\nx\r\n--a=b/c:d--", []string{"0-0/9 x"}, ""},
		{"large header", kind, "--B\r\n" + many + "Content-Range: bytes 0-0/9\r\n\r\nx\r\n--B--", []string{"0-0/9 x"}, ""},

		{"no boundary given", "multipart/byteranges", "", nil, "no boundary"},
		{"long boundary", "multipart/byteranges; boundary=" + strings.Repeat("b", 300), "", nil, "no boundary"},
		{"no part", kind, "--B--", nil, ""},
		{"no boundary in sight", kind, strings.Repeat("x\r\n", 20_000), nil, "no boundary where"},
		{"endless line", kind, strings.Repeat("x", 100_000), nil, "too long"},
		{"endless header", kind, "--B\r\n" + many + many, nil, "longer than"},
		{"no Content-Range", kind, "--B\r\nContent-Type: text/plain\r\n\r\nx\r\n--B--", nil, "Content-Range"},
		{"unsatisfied Content-Range", kind, "--B\r\nContent-Range: bytes */9\r\n\r\nx\r\n--B--", nil, "Content-Range"},
		{"part too long", kind, "--B\r\nContent-Range: bytes 0-0/9\r\n\r\nxy\r\n--B--", []string{"0-0/9 x"}, "longer than its"},
		{"part too short", kind, "--B\r\nContent-Range: bytes 0-3/9\r\n\r\nx\r\n--B--\r\n", []string{"0-3/9 x\r\n-"}, "longer than its"},
		{"cut in the header", kind, "--B\r\nContent-Ra", nil, "unexpected EOF"},
		{"cut in the part", kind, "--B\r\nContent-Range: bytes 0-3/9\r\n\r\nxy", nil, "unexpected EOF"},
		{"cut behind a part", kind, "--B\r\nContent-Range: bytes 0-3/9\r\n\r\nxyzw", []string{"0-3/9 xyzw"}, "unexpected EOF"},
		{"empty", kind, "", nil, "unexpected EOF"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, body := range []io.Reader{strings.NewReader(tt.body), iotest.OneByteReader(strings.NewReader(tt.body)), iotest.DataErrReader(strings.NewReader(tt.body))} {
				got, err := readParts(tt.kind, body)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Error(diff)
				}
				if (err == nil) != (tt.err == "") || (err != nil && !strings.Contains(err.Error(), tt.err)) {
					t.Errorf("error %v, want %q", err, tt.err)
				}
			}
		})
	}
}

// FuzzMultipart: whatever comes, reading ends, and no part is longer than its Content-Range; and what was read is read again
// from a clean copy of it.
func FuzzMultipart(f *testing.F) {
	f.Add("multipart/byteranges; boundary=B", []byte("pre\r\n--B\r\nContent-Range: bytes 0-2/9\r\n\r\nabc\r\n--B\r\ncontent-range: bytes 5-5/*\r\n\r\nf\r\n--B--\r\n"))
	f.Add(`multipart/byteranges; boundary="a b"`, []byte("\n--a b\nA: b\n c\nContent-Range: bytes 0-0/1\n\n-\n--a b--"))
	f.Add("multipart/x-byteranges;boundary=--", []byte("----\r\nContent-Range: bytes 0-1/2\r\n\r\n--\r\n------"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		parts, err := readParts(contentType, bytes.NewReader(body))
		if err != nil && !errors.Is(err, errMultipart) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("error %v", err)
		}
		var clean strings.Builder
		for _, part := range parts {
			var first, last, size int64
			where, content, _ := strings.Cut(part, " ")
			if _, err := fmt.Sscanf(where, "%d-%d/%d", &first, &last, &size); err != nil || int64(len(content)) != last+1-first {
				t.Fatalf("part %.100q has %d bytes, %v", part, len(content), err)
			}
			total := fmt.Sprint(size)
			if size < 0 {
				total = "*"
			}
			fmt.Fprintf(&clean, "\r\n--clean\r\nContent-Range: bytes %d-%d/%s\r\n\r\n%s", first, last, total, content)
		}
		again, err := readParts("multipart/byteranges; boundary=clean", strings.NewReader(clean.String()+"\r\n--clean--"))
		if err != nil || !cmp.Equal(parts, again) {
			t.Fatalf("read again: %v, %s", err, cmp.Diff(parts, again))
		}
	})
}
