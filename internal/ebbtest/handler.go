package ebbtest

import (
	"bufio"
	"compress/gzip"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// ServeHTTP answers as the script says.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sc, rec := s.begin(r)
	defer s.answers.Done()
	a := &answer{ResponseWriter: w, server: s, rec: rec, script: sc, request: r}
	switch {
	case sc.stallHeader:
		s.wait(r.Context())
	case sc.reply != "":
		conn, _ := a.hijack()
		_, _ = io.WriteString(conn, sc.reply)
		_ = conn.Close()
	case sc.handler != nil:
		sc.handler.ServeHTTP(a, r)
	default:
		a.serve()
	}
}

// answer is one answer on its way.
type answer struct {
	http.ResponseWriter
	server  *Server
	rec     *Request
	script  script
	request *http.Request
}

// WriteHeader records the status.
func (a *answer) WriteHeader(status int) {
	if status >= 200 {
		a.server.note(func() { a.rec.Status = status })
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes of the body.
func (a *answer) Write(p []byte) (int, error) {
	n, err := a.ResponseWriter.Write(p)
	a.server.note(func() { a.rec.Sent += int64(n) })
	return n, err
}

// Unwrap lets http.ResponseController find the server's own writer.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func (a *answer) hijack() (net.Conn, *bufio.ReadWriter) {
	conn, rw, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: the stream ends here
	}
	return conn, rw
}

func (a *answer) serve() {
	for range a.script.hints {
		a.ResponseWriter.WriteHeader(http.StatusEarlyHints)
	}
	user, password, _ := a.request.BasicAuth()
	rest, hop := strings.CutPrefix(a.request.URL.Path, "/hop/")
	switch {
	case a.script.status != 0:
		if a.script.retryAfter != "" {
			a.Header().Set("Retry-After", a.script.retryAfter)
		}
		a.WriteHeader(a.script.status)
		if a.script.status >= 400 {
			fmt.Fprintln(a, http.StatusText(a.script.status))
		}
	case a.script.location != nil:
		a.Header().Set("Location", *a.script.location)
		a.WriteHeader(a.script.redirect)
	case hop:
		a.Header().Set("Location", "/"+rest)
		a.WriteHeader(a.script.redirect)
	case a.script.user != "" && (user != a.script.user || password != a.script.password):
		a.Header().Set("WWW-Authenticate", `Basic realm="ebbtest"`)
		a.WriteHeader(http.StatusUnauthorized)
	default:
		a.file()
	}
}

// file answers with the file or the part of it that was asked for.
func (a *answer) file() {
	h, sc := a.Header(), a.script
	for name, values := range sc.header {
		h[name] = values
	}
	if sc.etag != "" {
		h.Set("ETag", sc.etag)
	}
	if !sc.modified.IsZero() {
		h.Set("Last-Modified", sc.modified.UTC().Format(http.TimeFormat))
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/octet-stream")
	}
	size := sc.content.Size()
	if !sc.noRange && strings.Contains(a.rec.Range, ",") {
		a.ranges()
		return
	}
	part, partial := parseRange(a.rec.Range, size)
	if sc.noRange || !partial {
		a.send(http.StatusOK, io.NewSectionReader(sc.content, 0, size))
		return
	}
	part.first += sc.rangeShift
	if part.first < 0 || part.first >= size || part.first > part.last {
		a.unsatisfiable()
		return
	}
	if sc.pieces > 0 {
		part.last = min(part.last, part.first+sc.pieces-1)
	}
	if sc.multipart {
		a.send(http.StatusPartialContent, a.multipart([]byteRange{part}))
		return
	}
	a.part(part)
}

// unsatisfiable answers a request for ranges that the file does not have.
func (a *answer) unsatisfiable() {
	h := a.Header()
	h.Set("Content-Range", fmt.Sprintf("bytes */%d", a.script.content.Size()+a.script.rangeTotal))
	h.Del("Last-Modified")
	h.Del("ETag")
	h.Set("Content-Length", "0")
	a.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
}

type byteRange struct{ first, last int64 }

// parseRange reads "bytes=A-" and "bytes=A-B"; any other Range is ignored, as RFC 9110 section 14.2 allows.
func parseRange(field string, size int64) (byteRange, bool) {
	spec, ok := strings.CutPrefix(field, "bytes=")
	from, to, dash := strings.Cut(spec, "-")
	first, err := strconv.ParseInt(from, 10, 64)
	if !ok || !dash || err != nil {
		return byteRange{}, false
	}
	last := size - 1
	if to != "" {
		if n, err := strconv.ParseInt(to, 10, 64); err == nil {
			last = min(last, n)
		}
	}
	return byteRange{first, max(last, first)}, true
}

// send sends header and body.
func (a *answer) send(status int, section *io.SectionReader) {
	h, sc := a.Header(), a.script
	switch {
	case sc.lie != 0:
		a.sendLie(status, section)
		return
	case sc.gzip:
		h.Set("Content-Encoding", "gzip")
		a.WriteHeader(status)
		zw := gzip.NewWriter(a)
		_, _ = io.Copy(zw, section)
		_ = zw.Close()
		return
	case sc.noLength:
		h.Set("Transfer-Encoding", "identity") // net/http's sign for a body that ends with its connection
	case !sc.chunked:
		h.Set("Content-Length", strconv.FormatInt(section.Size(), 10))
	}
	a.WriteHeader(status)
	if a.request.Method == http.MethodHead {
		return
	}
	_ = http.NewResponseController(a.ResponseWriter).Flush()
	a.body(section)
}

// body sends the bytes with the faults of the script.
func (a *answer) body(section *io.SectionReader) {
	sc := a.script
	limit := section.Size()
	cut := func() {}
	switch {
	case sc.stallBody >= 0 && sc.stallBody < limit:
		limit, cut = sc.stallBody, func() { a.server.wait(a.request.Context()) }
	case sc.cutEvery >= 0 && sc.cutEvery < limit:
		limit, cut = sc.cutEvery, a.abort
	case sc.cutAfter >= 0 && sc.cutAfter < limit && a.server.cutOnce():
		limit, cut = sc.cutAfter, a.abort
	}
	if !a.copy(io.LimitReader(section, limit)) {
		return
	}
	_ = http.NewResponseController(a.ResponseWriter).Flush()
	cut()
}

// copy sends all of r at the script's rate, and reports whether the client took it.
func (a *answer) copy(r io.Reader) bool {
	buf := make([]byte, 256<<10)
	if a.script.rate > 0 {
		buf = buf[:max(1, min(int64(len(buf)), a.script.rate/50))]
	}
	started, sent := time.Now(), int64(0)
	for {
		n, err := r.Read(buf)
		if n > 0 {
			if _, err := a.Write(buf[:n]); err != nil {
				return false
			}
			sent += int64(n)
		}
		if err != nil {
			return true
		}
		if a.script.rate > 0 && !a.pause(started.Add(time.Duration(float64(sent)/float64(a.script.rate)*1e9))) {
			return false
		}
	}
}

// pause waits until due, and reports whether to go on.
func (a *answer) pause(due time.Time) bool {
	_ = http.NewResponseController(a.ResponseWriter).Flush()
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-a.request.Context().Done():
	case <-a.server.quit:
	}
	return false
}

// abort ends the connection in the middle of the answer.
func (a *answer) abort() {
	if a.script.reset {
		conn, _ := a.hijack()
		reset(conn)
		return
	}
	panic(http.ErrAbortHandler)
}

// reset closes conn by RST.
func reset(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// sendLie writes the answer by hand, since net/http would not let the length be wrong.
func (a *answer) sendLie(status int, section *io.SectionReader) {
	h := a.Header().Clone()
	h.Set("Content-Length", strconv.FormatInt(section.Size()+a.script.lie, 10))
	conn, rw := a.hijack()
	defer conn.Close()
	fmt.Fprintf(rw, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = h.Write(rw)
	_, _ = rw.WriteString("\r\n")
	n, _ := io.Copy(rw, section)
	_ = rw.Flush()
	a.server.note(func() { a.rec.Status, a.rec.Sent = status, n })
}
