package httpx

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// maxRanges is how many ranges one request asks for. That is far less than what a server takes for an attack
// (RFC 9110 section 17.15), and the field stays below 4 KiB.
const maxRanges = 64

// OpenRanges is transport.Downloader's. One request asks for 64 ranges at most. Servers that refuse or garble
// several ranges, or answer them with much that was not asked for, are asked for one at a time from then on.
func (d *Downloader) OpenRanges(ctx context.Context, src transport.Source, want []job.Range, v job.Validator) (transport.Parts, transport.Meta, error) {
	f, err := d.newFetch(ctx, src)
	if err != nil {
		return nil, transport.Meta{}, err
	}
	p, err := f.openParts(want)
	if err != nil {
		f.stop(errClosed)
		return nil, transport.Meta{}, err
	}
	return p, p.meta(v), nil
}

// openParts asks for what of want fits into one request. If the answer is none to that it asks for the first range alone, and if
// that one is none either, for everything.
func (f *fetch) openParts(want []job.Range) (*parts, error) {
	asked := fitting(want)
	if f.downloader.single.has(f.origin) {
		asked = want[:1]
	}
	p, err := f.askParts(asked)
	if len(asked) > 1 && (isAboutRanges(err) || (err == nil && p.waste() > maxWaste)) {
		if p != nil {
			p.discard()
		}
		if p, err = f.askParts(want[:1]); err == nil && !p.isWhole() {
			f.oneByOne()
		}
	}
	if err == nil && !p.isUseful() {
		p.discard()
		p, err = f.askParts(nil)
	}
	return p, err
}

// fitting is the beginning of want that one request asks for. Ranges that touch are one.
func fitting(want []job.Range) []job.Range {
	out := want[:1:1]
	for _, r := range want[1:] {
		last := &out[len(out)-1]
		switch {
		case last.End < 0:
			return out
		case last.End == r.Start:
			out = append(out[:len(out)-1:len(out)-1], job.Range{Start: last.Start, End: r.End})
		case len(out) == maxRanges:
			return out
		default:
			out = append(out, r)
		}
	}
	return out
}

// rangeField is a Range field (RFC 9110 section 14.2), "" for no ranges.
func rangeField(ranges []job.Range) string {
	specs := make([]string, len(ranges))
	for i, r := range ranges {
		specs[i] = strconv.FormatInt(r.Start, 10) + "-"
		if r.End >= 0 {
			specs[i] += strconv.FormatInt(r.End-1, 10)
		}
	}
	if len(specs) == 0 {
		return ""
	}
	return "bytes=" + strings.Join(specs, ",")
}

// isAboutRanges reports whether a request may have failed because it asked for several ranges. Firewalls refuse those with
// 403 (OWASP CRS rule 920200).
func isAboutRanges(err error) bool {
	var e *job.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code.HTTP() {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotAcceptable, http.StatusRequestEntityTooLarge,
		http.StatusExpectationFailed, http.StatusRequestHeaderFieldsTooLarge, http.StatusInternalServerError, http.StatusNotImplemented:
		return true
	}
	return e.Code == job.InvalidRange || e.Code == job.InvalidServerResponse
}

// oneByOne has the server asked for one range at a time from now on.
func (f *fetch) oneByOne() { f.downloader.single.add(f.origin) }

// origins is a set of servers.
type origins struct {
	mu    sync.Mutex // guards known
	known map[string]bool
}

// maxOrigins bounds the set. What was forgotten is learned again for the price of a request.
const maxOrigins = 1024

func (o *origins) has(origin string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.known[origin]
}

func (o *origins) add(origin string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil || len(o.known) >= maxOrigins {
		o.known = map[string]bool{}
	}
	o.known[origin] = true
}
