package httpx

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/ebb-transfer/ebb/job"
)

// whole stands for a request without Range.
const whole int64 = -1

// part is what an answer delivers: the bytes [first, end) of a source.
type part struct {
	first    int64
	end      int64 // −1: where the body ends
	size     int64 // of the whole source, job.UnknownSize if untold
	complete bool  // there is nothing to deliver: first is the size
}

// judge says what an answer is good for when the bytes from asked on were asked for, to be added to bytes of
// version v. again means that they must be asked for anew, from the start and without Range. If-Range is not
// relied on: servers and caches that ignore it would mix two versions.
func judge(resp *http.Response, asked int64, v job.Validator) (p part, again bool, err error) {
	switch resp.StatusCode {
	case http.StatusOK, http.StatusNonAuthoritativeInfo:
		return part{0, resp.ContentLength, resp.ContentLength, false}, false, checkEncoding(resp)
	case http.StatusPartialContent:
		if err := checkEncoding(resp); err != nil {
			return part{}, false, err
		}
		p, ok := judgePart(resp, asked, v)
		if !ok && asked == whole {
			return part{}, false, &job.Error{
				Context: job.ContextRemoteFile, Code: job.InvalidServerResponse, Class: job.Transient,
				Text: fmt.Sprintf("%s: the server sent a part (Content-Range %.60q) of a file that was asked for as a whole",
					display(resp.Request.URL), resp.Header.Get("Content-Range")),
			}
		}
		return p, !ok, nil
	case http.StatusRequestedRangeNotSatisfiable:
		r, ok := parseContentRange(resp.Header.Get("Content-Range"))
		if ok && r.first < 0 && r.size == asked && !contradicts(v, resp.Header) {
			return part{asked, asked, asked, true}, false, nil
		}
		if asked != whole {
			return part{}, true, nil
		}
	}
	return part{}, false, statusError(resp)
}

// judgePart accepts a single part (RFC 9110 section 15.3.7.1) that begins where it should, that no field
// of the answer contradicts, and that is proven to be of version v. A multipart answer to one
// range breaks section 15.3.7.2 and is not accepted.
func judgePart(resp *http.Response, asked int64, v job.Validator) (part, bool) {
	r, ok := parseContentRange(resp.Header.Get("Content-Range"))
	length := r.last + 1 - r.first
	switch {
	case !ok || r.first != max(asked, 0):
		return part{}, false
	case strings.HasPrefix(strings.ToLower(resp.Header.Get("Content-Type")), "multipart/byteranges"):
		return part{}, false
	case resp.ContentLength >= 0 && resp.ContentLength != length:
		return part{}, false
	case asked > 0 && !proves(v, resp.Header):
		return part{}, false
	}
	return part{r.first, r.last + 1, r.size, false}, true
}

// proves reports whether h is of version v: something strong is equal (RFC 9110 section 13.1.5), and
// nothing differs.
func proves(v job.Validator, h http.Header) bool {
	tag, date := v.StrongETag(), v.LastModified
	equal := (tag != "" && tag == h.Get("ETag")) || (date != "" && date == h.Get("Last-Modified"))
	return equal && !contradicts(v, h)
}

// contradicts reports whether h names another version than v. Even a weak ETag can do that.
func contradicts(v job.Validator, h http.Header) bool {
	differ := func(a, b string) bool { return a != "" && b != "" && a != b }
	opaque := func(tag string) string { return strings.TrimPrefix(tag, "W/") }
	return differ(opaque(v.ETag), opaque(h.Get("ETag"))) || differ(v.LastModified, h.Get("Last-Modified"))
}

// checkEncoding refuses a body that is not the file itself: stored as it is, it would be corrupt.
func checkEncoding(resp *http.Response) error {
	for _, field := range resp.Header.Values("Content-Encoding") {
		for coding := range strings.SplitSeq(field, ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return &job.Error{
					Context: job.ContextRemoteFile, Code: job.InvalidServerResponse, Class: job.Fatal,
					Text: fmt.Sprintf("%s: the server sent the file with Content-Encoding %.30q although identity was asked for; storing that would corrupt it",
						display(resp.Request.URL), coding),
				}
			}
		}
	}
	return nil
}
