package httpx

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

const (
	// maxParts is how many parts an answer may have; each that was asked for could come in two.
	maxParts = 2 * maxRanges
	// maxWaste is how many bytes that nobody asked for are taken to save further requests.
	maxWaste = 1 << 20
	// maxEpilogue is how much is read behind the last part to keep the connection.
	maxEpilogue = 4 << 10
)

// parts are the parts of an answer to a request for ranges. They belong to one goroutine; what ends a Read from
// elsewhere is the context of OpenRanges.
type parts struct {
	fetch *fetch
	guard *stallGuard
	resp  *http.Response
	asked []job.Range      // nil for the whole source
	multi *multipartReader // nil for an answer that is one part
	size  int64            // of the whole source, job.UnknownSize if untold

	part  job.Range // the current one; End is −1 if it ends with the body
	at    int64     // of the next byte in the source
	ahead bool      // Next has not returned the current part yet
	count int       // of parts so far
	err   error     // what every further Next returns
}

// askParts sends one GET for ranges, or for the whole source if there are none, and judges its answer.
func (f *fetch) askParts(asked []job.Range) (*parts, error) {
	f.ranges = rangeField(asked)
	resp, err := f.get(whole) //nolint:bodyclose // parts.Close and discard do
	if err != nil {
		return nil, err
	}
	p := &parts{fetch: f, resp: resp, asked: asked, size: job.UnknownSize}
	p.guard = newStallGuard(stallTimeout(f.source.Network), func() { f.stop(errStalled) })
	if err := p.begin(); err != nil {
		p.discard()
		return nil, err
	}
	return p, nil
}

// begin finds out what the answer is, and reads up to the first byte of its first part.
func (p *parts) begin() error {
	switch p.resp.StatusCode {
	case http.StatusOK, http.StatusNonAuthoritativeInfo:
		p.enter(job.Range{End: p.resp.ContentLength}, p.resp.ContentLength)
		return checkEncoding(p.resp)
	case http.StatusPartialContent:
		if err := checkEncoding(p.resp); err != nil {
			return err
		}
		return p.beginPartial()
	case http.StatusRequestedRangeNotSatisfiable:
		return p.beginOutside()
	}
	return statusError(p.resp)
}

func (p *parts) beginPartial() error {
	r, ok := parseContentRange(p.resp.Header.Get("Content-Range"))
	kind, length := p.resp.Header.Get("Content-Type"), r.last+1-r.first
	fits := ok && r.first >= 0 && (p.resp.ContentLength < 0 || p.resp.ContentLength == length)
	switch {
	case p.asked == nil:
		return p.broken("sent a part of a file that was asked for as a whole")
	case isMultipart(kind) && (!fits || p.resp.ContentLength < 0):
		multi, err := newMultipartReader(wire{p}, kind)
		if err != nil {
			return p.failed(err)
		}
		p.multi = multi
		if err := p.advance(); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if !p.ahead {
			return p.broken("sent an answer of no parts")
		}
		return nil
	case fits:
		p.enter(job.Range{Start: r.first, End: r.last + 1}, r.size)
		return nil
	}
	return p.broken(fmt.Sprintf("sent a part with Content-Range %.60q and Content-Length %d", p.resp.Header.Get("Content-Range"), p.resp.ContentLength))
}

// beginOutside is for ranges that the source does not have. That of no byte, at its end, is none of them.
func (p *parts) beginOutside() error {
	r, ok := parseContentRange(p.resp.Header.Get("Content-Range"))
	if ok && r.first < 0 && slices.Equal(p.asked, []job.Range{{Start: r.size, End: -1}}) {
		p.size, p.err = r.size, io.EOF
		return nil
	}
	if p.asked == nil {
		return statusError(p.resp)
	}
	e := p.broken(fmt.Sprintf("has no %s; ask for bytes that the file has", p.fetch.ranges))
	e.Code, e.Class = job.InvalidRange, job.Fatal
	return e
}

// enter makes r the current part.
func (p *parts) enter(r job.Range, size int64) {
	p.part, p.at, p.ahead = r, r.Start, true
	if size >= 0 {
		p.size = size
	}
	p.count++
}

// advance goes to the next part.
func (p *parts) advance() error {
	if p.multi == nil {
		return io.EOF
	}
	r, err := p.multi.next()
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return p.failed(err)
	case p.size >= 0 && r.size >= 0 && p.size != r.size:
		return p.broken("sent parts of files of different length")
	case p.count == maxParts:
		return p.broken("sent more parts than were asked for")
	}
	p.enter(job.Range{Start: r.first, End: r.last + 1}, r.size)
	if p.waste() > maxWaste {
		p.fetch.oneByOne()
	}
	return nil
}

// Next is transport.Parts'.
func (p *parts) Next() (job.Range, io.Reader, error) {
	if p.err == nil && !p.ahead {
		p.err = p.advance()
	}
	if p.err != nil {
		return job.Range{}, nil, p.err
	}
	p.ahead = false
	return p.part, (*partReader)(p), nil
}

// waste is how many bytes of the current part were not asked for.
func (p *parts) waste() int64 {
	if p.part.End < 0 {
		return maxWaste + 1 // for all that is known
	}
	n := p.part.Len()
	for _, r := range p.asked {
		end := p.part.End
		if r.End >= 0 {
			end = min(end, r.End)
		}
		n -= max(end-max(p.part.Start, r.Start), 0)
	}
	return n
}

// isWhole reports whether the answer is the whole source, and not because that was asked for.
func (p *parts) isWhole() bool { return p.resp.StatusCode != http.StatusPartialContent }

// isUseful reports whether the first part begins no later than what was asked for first.
func (p *parts) isUseful() bool {
	return p.multi != nil || p.isWhole() || (p.part.Start <= p.asked[0].Start && p.asked[0].Start < p.part.End)
}

// partReader reads the current part of parts.
type partReader parts

// Read reads what has come. It waits at most the stall timeout for the first byte. Errors are io.EOF, at the end
// of the part, or *job.Error.
func (r *partReader) Read(b []byte) (n int, err error) {
	p := (*parts)(r)
	switch {
	case p.err != nil:
		return 0, p.err
	case p.at == p.part.End:
		return 0, io.EOF
	case p.multi != nil:
		n, err = p.multi.Read(b)
	case p.part.End < 0:
		n, err = wire{p}.Read(b)
	default:
		n, err = wire{p}.Read(b[:min(int64(len(b)), p.part.End-p.at)])
	}
	p.at += int64(n)
	switch {
	case err == nil || p.at == p.part.End:
		return n, nil
	case errors.Is(err, io.EOF) && p.part.End < 0:
		p.part.End = p.at
		return n, io.EOF
	}
	p.err = p.failed(unexpected(err))
	return n, p.err
}

// wire is the body of the answer as it comes.
type wire struct{ p *parts }

func (w wire) Read(b []byte) (int, error) {
	w.p.guard.begin()
	defer w.p.guard.end()
	return w.p.resp.Body.Read(b)
}

// failed is the error for err, which is of reading.
func (p *parts) failed(err error) *job.Error {
	if errors.Is(err, errMultipart) {
		p.fetch.oneByOne()
		return p.broken("sent several parts: " + oneLine(err))
	}
	return p.fetch.classify(p.resp.Request.URL, fmt.Errorf("byte %d: %w", p.at, err))
}

func (p *parts) broken(what string) *job.Error {
	return &job.Error{
		Context: job.ContextRemoteFile, Code: job.InvalidServerResponse, Class: job.Transient,
		Text: fmt.Sprintf("%s: the server %s", display(p.resp.Request.URL), what), Answer: answerOf(p.resp),
	}
}

// meta is what the answer tells. v is the version that was asked for.
func (p *parts) meta(v job.Validator) transport.Meta {
	m := p.fetch.meta(p.resp)
	m.Size = p.size
	if m.Same = proves(v, p.resp.Header); m.Same {
		m.Validator = completed(v, m.Validator)
	}
	return m
}

// discard ends this answer, but not its fetch.
func (p *parts) discard() {
	p.guard.stop()
	discard(p.resp)
}

// Close ends the download. The connection is kept for the next one if the last part was read to its end.
func (p *parts) Close() error {
	p.guard.stop()
	if p.at == p.part.End && p.fetch.ctx.Err() == nil {
		slow := time.AfterFunc(maxDiscardTime, func() { _ = p.resp.Body.Close() })
		defer slow.Stop()
		_, _ = io.CopyN(io.Discard, p.resp.Body, maxEpilogue) // an error only costs the connection
	}
	p.fetch.stop(errClosed)
	return p.resp.Body.Close()
}
