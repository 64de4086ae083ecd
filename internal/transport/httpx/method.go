package httpx

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/ebb-transfer/ebb/job"
)

// method is the one that the source is asked for with.
func (f *fetch) method() string { return cmp.Or(f.source.Method, http.MethodGet) }

// redirectedMethod is how a redirect is followed: as browsers do (RFC 9110 section 15.4, Fetch section 4.4).
func redirectedMethod(method string, status int) string {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound:
		if method == http.MethodPost {
			return http.MethodGet
		}
	case http.StatusSeeOther:
		if method != http.MethodHead {
			return http.MethodGet
		}
	}
	return method
}

// judge is the function of that name, but for methods other than GET: they are sent once and without Range, and
// whatever body a success has is the file. Errors have the answer that they are about.
func (f *fetch) judge(resp *http.Response, asked int64, v job.Validator) (p part, again bool, err error) {
	if f.source.Method == "" || resp.StatusCode/100 != 2 || resp.StatusCode == http.StatusPartialContent {
		p, again, err = judge(resp, asked, v)
	} else {
		p, err = part{0, resp.ContentLength, resp.ContentLength, false}, checkEncoding(resp)
	}
	if e := (*job.Error)(nil); errors.As(err, &e) && e.Answer == nil {
		e.Answer = answerOf(resp)
	}
	return p, again, err
}
