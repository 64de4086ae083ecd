package httpx

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

const (
	maxAnswerHeaders = 8 << 10 // bytes of names and values
	maxAnswerBody    = 1 << 10
	// minSecret is the length in bytes from which on a secret is looked for in what a server says: what is
	// shorter stands in any text.
	minSecret = 4
	withheld  = "[withheld]"
)

// hop is one request of a fetch, with the legs of its authentication. It travels in the context of the request, so
// that who opens the connection knows for whom, and who reads the answer knows where it came from.
type hop struct {
	source transport.Source
	url    *url.URL // the source's, or where a redirect led
	usage  *usage
	began  time.Time

	mu      sync.Mutex // guards all below: net/http tells them from goroutines of its own
	address string
	took    time.Duration // until the first byte of the last answer
}

type hopKey struct{}

// hopOf is the hop that ctx belongs to; nil for none.
func hopOf(ctx context.Context) *hop {
	h, _ := ctx.Value(hopKey{}).(*hop)
	return h
}

// context returns ctx with h, which hears what happens to requests in it.
func (h *hop) context(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(context.WithValue(ctx, hopKey{}, h), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			h.usage.got(info.Conn)
			h.mu.Lock()
			defer h.mu.Unlock()
			h.address = info.Conn.RemoteAddr().String()
		},
		GotFirstResponseByte: func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.took = time.Since(h.began)
		},
	})
}

// answerOf is resp for people: its status, its header without what is secret, and whose it is.
func answerOf(resp *http.Response) *job.Answer {
	a := &job.Answer{Status: resp.StatusCode, Headers: readable(resp.Header, veilOf(resp))}
	if h := hopOf(resp.Request.Context()); h != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		a.At, a.Address, a.Took = h.began.Add(h.took).Round(0), h.address, h.took
	}
	return a
}

// refusalOf is answerOf with the beginning of the body, which says why. The body is read for that.
func refusalOf(resp *http.Response) *job.Answer {
	a := answerOf(resp)
	if coding := resp.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return a
	}
	slow := time.AfterFunc(maxDiscardTime, func() { _ = resp.Body.Close() })
	defer slow.Stop()
	// More than is kept, so that no half of a secret escapes the veil at the cut.
	head, _ := io.ReadAll(io.LimitReader(resp.Body, maxDiscard)) // what came before an error is enough
	a.Body = excerpt(head, veilOf(resp))
	return a
}

// excerpt is the beginning of a body, "" if it is no text.
func excerpt(head []byte, veil *strings.Replacer) string {
	if !strings.HasPrefix(http.DetectContentType(head), "text/") {
		return ""
	}
	text := strings.Join(strings.Fields(printable(veil.Replace(string(head)))), " ")
	if len(text) > maxAnswerBody {
		text = strings.ToValidUTF8(text[:maxAnswerBody], "")
	}
	return text
}

// answerOfTunnel is the answer of a proxy that did not open one to u; nil if it gave none.
func (f *fetch) answerOfTunnel(u *url.URL, refusal *httpauth.Error) *job.Answer {
	if refusal.Header == nil {
		return nil
	}
	address := refusal.Origin
	if at, err := url.Parse(refusal.Origin); err == nil {
		address = at.Host
	}
	return &job.Answer{
		At: time.Now().Round(0), Status: refusal.Status, Address: address, Headers: readable(refusal.Header, newVeil(f.source, u)),
	}
}

// readable is h in alphabetical order, up to maxAnswerHeaders.
func readable(h http.Header, veil *strings.Replacer) []job.Header {
	names := make([]string, 0, len(h))
	for name := range h {
		if !isConfidential(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var out []job.Header
	left := maxAnswerHeaders
	for _, name := range names {
		for _, value := range h[name] {
			value = printable(veil.Replace(value))
			if slices.Contains(linkFields, name) {
				value = queries.ReplaceAllString(value, "?"+withheld)
			}
			if left -= len(name) + len(value); left < 0 {
				return out
			}
			out = append(out, job.Header{Name: name, Value: value})
		}
	}
	return out
}

// isConfidential reports whether a field of an answer is for us only.
func isConfidential(name string) bool {
	name = strings.ToLower(name)
	if strings.HasPrefix(name, "proxy-") || strings.HasSuffix(name, "-authenticate") || strings.HasSuffix(name, "authorization") {
		return true
	}
	for _, word := range []string{"authentication-info", "cookie", "token", "secret", "password", "credential", "session", "api-key", "apikey"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// linkFields hold URLs, whose queries may be signatures that are as good as a password.
var (
	linkFields = []string{"Content-Location", "Link", "Location", "Refresh"}
	queries    = regexp.MustCompile(`\?[^\s<>"']+`)
)

// plainFields are header fields of a source that hold no secrets, and whose values may well come back.
var plainFields = []string{"Accept", "Accept-Language", "Cache-Control", "Content-Type", "Host", "Origin", "Pragma", "Referer", "User-Agent"}

// veilOf hides the secrets of the source that resp is of.
func veilOf(resp *http.Response) *strings.Replacer {
	if h := hopOf(resp.Request.Context()); h != nil {
		return newVeil(h.source, h.url)
	}
	return strings.NewReplacer()
}

// newVeil hides the secrets of src and of u, which it led to, wherever a server repeats them.
func newVeil(src transport.Source, u *url.URL) *strings.Replacer {
	var pairs []string
	hide := func(secret string, atLeast int) {
		if len(secret) >= atLeast {
			pairs = append(pairs, secret, withheld)
		}
	}
	for _, c := range src.Credentials {
		hide(c.Password, minSecret)
		hide(url.QueryEscape(c.Password), minSecret)
		hide(base64.StdEncoding.EncodeToString([]byte(c.User+":"+c.Password)), minSecret)
	}
	for _, field := range src.Headers {
		if slices.Contains(plainFields, http.CanonicalHeaderKey(field.Name)) {
			continue
		}
		hide(field.Value, minSecret)
		for _, word := range strings.FieldsFunc(field.Value, func(r rune) bool { return r == ' ' || r == ';' || r == ',' }) {
			_, value, _ := strings.Cut(word, "=")
			hide(word, 2*minSecret)
			hide(value, 2*minSecret)
		}
	}
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		_, value, _ := strings.Cut(pair, "=")
		hide(value, 4*minSecret) // shorter ones are names more often than signatures
		if plain, err := url.QueryUnescape(value); err == nil {
			hide(plain, 4*minSecret)
		}
	}
	return strings.NewReplacer(pairs...)
}

// printable is s without what could move the cursor or hide text on a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}
