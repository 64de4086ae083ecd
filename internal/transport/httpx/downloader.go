// Package httpx downloads by HTTP (RFC 9110): one GET learns everything, and its answer is checked, not
// believed, before a byte of it is added to bytes that are already there.
package httpx

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/internal/transport/httpx/revocation"
	"github.com/ebb-transfer/ebb/job"
)

// Config is what all downloads have in common.
type Config struct {
	// UserAgent is sent unless a header of the source replaces it, such as "ebb/1.2.3".
	UserAgent string
	// PassportNexus is the URL of the server that tells where Passport's login server is; "" is Microsoft's.
	PassportNexus string
}

// Downloader is a transport.Downloader for http and https. It is safe for concurrent use. Connections are
// kept and shared by all sources with the same network settings and credentials.
type Downloader struct {
	userAgent     string
	nexus         string
	preconfigured routes
	detector      detector
	resting       resting
	revocation    *revocation.Checker
	nameless      atomic.Int64 // of Source.CheckedBy
	clients       pool
	single        origins // of servers that are asked for one range at a time
}

var _ transport.Downloader = (*Downloader)(nil)

// New returns a Downloader. It reads the proxies of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY) now.
func New(cfg Config) *Downloader {
	d := &Downloader{userAgent: cfg.UserAgent, nexus: cfg.PassportNexus, revocation: revocation.New()}
	d.preconfigured = environment()
	return d
}

// Close closes the connections that serve no body now and forgets all credentials.
func (d *Downloader) Close() { d.clients.clear() }

// Open is transport.Downloader's. It sends one GET, besides those that redirects and authentication need, and
// a second one, for the whole body, if the answer is not a part of version v that begins at offset.
// Without something strong in v it asks for the whole body at once.
func (d *Downloader) Open(ctx context.Context, src transport.Source, offset int64, v job.Validator) (io.ReadCloser, transport.Meta, error) {
	if offset > 0 && !v.Strong() {
		offset = 0
	}
	f, err := d.newFetch(ctx, src)
	if err != nil {
		return nil, transport.Meta{}, err
	}
	offset = max(offset, 0)
	if src.Method != "" {
		offset = whole // ranges are defined for GET only (RFC 9110 section 14.2)
	}
	resp, p, err := f.learn(offset, v)
	if err != nil {
		f.stop(errClosed)
		return nil, transport.Meta{}, err
	}
	m := f.meta(resp)
	m.Offset, m.Size = p.first, p.size
	if p.first > 0 {
		m.Validator = completed(v, m.Validator)
	}
	if p.complete {
		discard(resp)
		f.stop(errClosed)
		return http.NoBody, m, nil
	}
	return newBody(f, resp, p, m.Validator), m, nil
}

// learn asks for the bytes from offset on and, if the answer is not that, once more for everything.
func (f *fetch) learn(offset int64, v job.Validator) (*http.Response, part, error) {
	resp, p, again, err := f.ask(offset, v)
	if p.complete && offset > 0 && !proves(v, resp.Header) {
		// A 416 tells the length, but seldom the version that has it: the last byte's answer does.
		discard(resp)
		if resp, p, again, err = f.ask(offset-1, v); err == nil && p.first == offset-1 {
			p = part{offset, offset, offset, p.size == offset && proves(v, resp.Header)}
			again = !p.complete
		}
	}
	if again {
		discard(resp)
		resp, p, _, err = f.ask(whole, v)
	}
	return resp, p, err
}

// ask sends one GET and judges its answer.
func (f *fetch) ask(offset int64, v job.Validator) (resp *http.Response, p part, again bool, err error) {
	if resp, err = f.get(offset); err != nil {
		return nil, part{}, false, err
	}
	if p, again, err = f.judge(resp, offset, v); err != nil {
		discard(resp)
	}
	return resp, p, again, err
}

// meta is what resp tells, but for where it begins and how long the source is.
func (f *fetch) meta(resp *http.Response) transport.Meta {
	h := resp.Header
	return transport.Meta{
		Size: job.UnknownSize, Validator: validatorOf(h), Modified: modified(h), Name: fileName(h.Get("Content-Disposition")),
		Digest: reprDigest(h.Values("Repr-Digest")), Redirected: f.redirected(), Answer: answerOf(resp),
	}
}

// completed is v with what an answer adds that is proven to be of v: a part need not repeat everything.
func completed(v, answer job.Validator) job.Validator {
	return job.Validator{ETag: cmp.Or(v.ETag, answer.ETag), LastModified: cmp.Or(v.LastModified, answer.LastModified)}
}

// validatorOf is what tells this version from the next. A Last-Modified less than a second before Date is
// left out: another version could have the same one (RFC 9110 section 8.8.2.2).
func validatorOf(h http.Header) job.Validator {
	v := job.Validator{ETag: h.Get("ETag"), LastModified: h.Get("Last-Modified")}
	date, err := http.ParseTime(h.Get("Date"))
	if at := modified(h); at.IsZero() || (err == nil && date.Sub(at) < time.Second) {
		v.LastModified = ""
	}
	return v
}

func modified(h http.Header) time.Time {
	at, err := http.ParseTime(h.Get("Last-Modified"))
	if err != nil {
		return time.Time{}
	}
	return at
}
