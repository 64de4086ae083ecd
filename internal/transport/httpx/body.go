package httpx

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/ebb-transfer/ebb/job"
)

// body reads a source to its announced end: fewer bytes are an error, more are one too. When the server
// answers in smaller parts than were asked for (RFC 9110 section 15.3.7 allows that) it asks for the rest.
// It belongs to one goroutine; what ends a Read from elsewhere is the context of Open.
type body struct {
	fetch     *fetch
	guard     *stallGuard
	resp      *http.Response
	part      part
	at        int64 // of the next byte in the source
	validator job.Validator
	err       error // what every further Read returns
}

func newBody(f *fetch, resp *http.Response, p part, v job.Validator) *body {
	guard := newStallGuard(stallTimeout(f.source.Network), func() { f.stop(errStalled) })
	return &body{fetch: f, guard: guard, resp: resp, part: p, at: p.first, validator: v}
}

// Read reads what has come, straight into p when that is larger than the connection's buffer of 4 KiB. It
// waits at most the stall timeout for the first byte. Errors are io.EOF or *job.Error.
func (b *body) Read(p []byte) (int, error) {
	for b.err == nil {
		b.guard.begin()
		n, err := b.resp.Body.Read(p)
		b.guard.end()
		if b.part.end >= 0 && int64(n) > b.part.end-b.at {
			n, err = int(b.part.end-b.at), b.broken("sent more bytes than it had announced")
		}
		b.at += int64(n)
		switch {
		case err == nil || errors.As(err, new(*job.Error)):
			b.err = err
		case !errors.Is(err, io.EOF):
			b.err = b.fetch.classify(b.resp.Request.URL, fmt.Errorf("%s: %w", b.progress(), err))
		default:
			b.err = b.ended()
		}
		if n > 0 || len(p) == 0 {
			return n, b.err
		}
	}
	return 0, b.err
}

// ended is called at the end of an answer's body. It returns nil when the rest comes in another one.
func (b *body) ended() error {
	switch {
	case b.at < b.part.end:
		return b.fetch.classify(b.resp.Request.URL, fmt.Errorf("%s: %w", b.progress(), io.ErrUnexpectedEOF))
	case b.part.end < 0 || b.at == b.part.size:
		return io.EOF
	case b.at == b.part.first:
		return b.broken("sent an empty part")
	}
	return b.next()
}

// next asks for the part behind the one that has ended.
func (b *body) next() error {
	_ = b.resp.Body.Close()
	resp, err := b.fetch.get(b.at)
	if err != nil {
		return err
	}
	b.resp = resp
	if resp.StatusCode == http.StatusRequestedRangeNotSatisfiable && b.part.size < 0 {
		discard(resp)
		return io.EOF
	}
	p, again, err := judge(resp, b.at, b.validator)
	switch {
	case err != nil:
		return err
	case again && !b.validator.Strong():
		e := b.broken("sends the file in parts but nothing that tells its versions apart (ETag, Last-Modified)")
		e.Code, e.Class = job.InsufficientRangeSupport, job.Fatal
		return e
	case again || p.complete || p.first != b.at || (b.part.size >= 0 && p.size != b.part.size):
		e := b.broken("changed the file meanwhile; it begins anew")
		e.Code = job.RemoteFileChanged
		return e
	}
	b.part = p
	return nil
}

func (b *body) broken(what string) *job.Error {
	return &job.Error{
		Context: job.ContextRemoteFile, Code: job.InvalidServerResponse, Class: job.Transient,
		Text: fmt.Sprintf("%s: after %s the server %s", display(b.resp.Request.URL), b.progress(), what),
	}
}

func (b *body) progress() string {
	if b.part.size < 0 {
		return fmt.Sprintf("byte %d", b.at)
	}
	return fmt.Sprintf("byte %d of %d", b.at, b.part.size)
}

// Close ends the download. The connection is kept for the next one if the body was read to its end.
func (b *body) Close() error {
	b.guard.stop()
	b.fetch.stop(errClosed)
	return b.resp.Body.Close()
}
