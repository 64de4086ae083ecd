package httpx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

const (
	defaultConnectTimeout = 30 * time.Second
	defaultStallTimeout   = 60 * time.Second
	// maxRedirects is how many redirects are followed before a chain is given up.
	maxRedirects = 10
	// maxDiscard is how much of an unwanted body is read to keep its connection.
	maxDiscard = 64 << 10
	// maxDiscardTime is how long that may take; then the connection is given up.
	maxDiscardTime = 5 * time.Second
)

var (
	errClosed  = errors.New("the download was closed")
	errStalled = errors.New("the server stalled")
)

// fetch is one Open: its requests, one after the other, and the body that comes of them.
type fetch struct {
	downloader *Downloader
	source     transport.Source
	url        *url.URL
	origin     string
	ranges     string          // the Range field that is sent whatever the offset; "" for none
	at         *url.URL        // where the last answer came from
	ctx        context.Context // bounds the body, too
	stop       context.CancelCauseFunc
	usage      *usage
}

func (d *Downloader) newFetch(ctx context.Context, src transport.Source) (*fetch, error) {
	u, err := parseURL(src.URL)
	if err != nil {
		return nil, err
	}
	origin, err := httpauth.Origin(u)
	if err != nil {
		return nil, job.Invalid(job.InvalidArg, "%v", err)
	}
	f := &fetch{downloader: d, source: src, url: u, origin: origin}
	f.ctx, f.stop = context.WithCancelCause(ctx)
	f.usage = newUsage(f.ctx, src.Conn)
	return f, nil
}

func stallTimeout(n job.Network) time.Duration {
	if n.StallTimeout > 0 {
		return time.Duration(n.StallTimeout)
	}
	return defaultStallTimeout
}

func connectTimeout(n job.Network) time.Duration {
	if n.ConnectTimeout > 0 {
		return time.Duration(n.ConnectTimeout)
	}
	return defaultConnectTimeout
}

// get asks for the bytes from offset on, or for the whole source, and follows redirects
// (RFC 9110 section 15.4). Credentials, custom headers and the client certificate go to the origin of
// the source only. Errors are *job.Error.
func (f *fetch) get(offset int64) (*http.Response, error) {
	seen := map[string]bool{}
	method := f.method()
	for at := f.url; ; {
		seen[at.String()] = true
		f.at = at
		resp, err := f.roundTrip(at, method, offset)
		if err != nil {
			return nil, f.classify(at, err)
		}
		if !isRedirect(resp.StatusCode) {
			return resp, nil
		}
		next, err := f.follow(at, resp)
		if err == nil && seen[next.String()] {
			err = redirectError(resp, at, "it is a loop")
		}
		if err == nil && len(seen) > maxRedirects {
			err = redirectError(resp, at, fmt.Sprintf("there are more than %d redirects", maxRedirects))
		}
		discard(resp)
		if err != nil {
			return nil, err
		}
		at, method = next, redirectedMethod(method, resp.StatusCode)
	}
}

// redirected is where the last answer came from, if that is to be reported.
func (f *fetch) redirected() string {
	if f.at == f.url || !f.source.Network.SecurityFlags.Has(job.ReportRedirects) {
		return ""
	}
	return f.at.String()
}

func isRedirect(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// follow is where resp sends us.
func (f *fetch) follow(from *url.URL, resp *http.Response) (*url.URL, error) {
	location := resp.Header.Get("Location")
	if location == "" {
		return nil, redirectError(resp, from, "it says not where to (no Location)")
	}
	to, err := resolve(from, location)
	switch {
	case err != nil:
		return nil, redirectError(resp, from, "its Location is not a URL")
	case to.Scheme != "http" && to.Scheme != "https":
		return nil, redirectError(resp, from, fmt.Sprintf("%.20s: URLs are not followed", to.Scheme))
	case to.Hostname() == "":
		return nil, redirectError(resp, from, "its Location names no host")
	case from.Scheme == "https" && to.Scheme == "http" && !f.source.Network.SecurityFlags.Has(job.AllowDowngrade):
		e := redirectError(resp, from, "it leads from https to http, where anybody could change the file; allow the downgrade if you trust the way")
		e.Class = job.NeedsAction
		return nil, e
	case f.source.Network.SecurityFlags.Has(job.RefuseRedirects):
		e := redirectError(resp, from, "the job's security flags refuse redirects; it leads to "+display(to))
		e.Err = &transport.Redirect{To: to.String()}
		return nil, e
	}
	return to, nil
}

func redirectError(resp *http.Response, from *url.URL, why string) *job.Error {
	return &job.Error{
		Context: job.ContextRemoteFile, Code: job.HTTPStatus(resp.StatusCode), Class: job.Fatal,
		Text: fmt.Sprintf("%s redirects (%d), but %s", display(from), resp.StatusCode, why), Answer: answerOf(resp),
	}
}

// roundTrip sends one request, besides those of its authentication. Only the origin of the source is told its secrets.
func (f *fetch) roundTrip(at *url.URL, method string, offset int64) (*http.Response, error) {
	origin, err := httpauth.Origin(at)
	if err != nil {
		return nil, err
	}
	src := f.source
	if origin != f.origin {
		src = foreign(src)
	}
	h := &hop{source: f.source, url: at, usage: f.usage, began: time.Now()}
	req := f.request(at, src.Headers, offset).WithContext(h.context(f.ctx))
	req.Method = method
	resp, err := f.downloader.send(src, req)
	if err == nil && method == http.MethodHead {
		resp.ContentLength = 0 // of what is not sent
	}
	return resp, err
}

// foreign is src as another origin may know it: without its secrets, but for those of the proxy.
func foreign(src transport.Source) transport.Source {
	out := transport.Source{
		Network: src.Network, Owner: src.Owner, Try: src.Try, CheckCertificate: src.CheckCertificate, CheckedBy: src.CheckedBy,
	}
	for _, c := range src.Credentials {
		if c.Target == targetProxy {
			out.Credentials = append(out.Credentials, c)
		}
	}
	return out
}

func (f *fetch) request(at *url.URL, custom []job.Header, offset int64) *http.Request {
	req := &http.Request{
		Method: http.MethodGet, URL: at, Host: at.Host, Header: make(http.Header, len(custom)+4),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	for _, h := range custom {
		if name := http.CanonicalHeaderKey(h.Name); name == "Host" {
			req.Host = h.Value
		} else {
			req.Header.Add(name, h.Value)
		}
	}
	for name, value := range map[string]string{"User-Agent": f.downloader.userAgent, "Accept": "*/*"} {
		if _, ok := req.Header[name]; !ok {
			req.Header.Set(name, value)
		}
	}
	req.Header.Set("Accept-Encoding", "identity")
	switch {
	case f.ranges != "":
		req.Header.Set("Range", f.ranges)
	case offset != whole:
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	return req
}

// discard reads a small unwanted body, so that its connection can be used again, and closes it.
func discard(resp *http.Response) {
	slow := time.AfterFunc(maxDiscardTime, func() { _ = resp.Body.Close() })
	defer slow.Stop()
	if resp.ContentLength <= maxDiscard {
		_, _ = io.CopyN(io.Discard, resp.Body, maxDiscard) // an error only costs the connection
	}
	_ = resp.Body.Close()
}
