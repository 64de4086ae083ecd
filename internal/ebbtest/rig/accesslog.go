package rig

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// A Request is a line of a server's access log.
type Request struct {
	Method string
	Path   string // as sent, with the query; a proxy's is a URL, or host:port for CONNECT
	Status int
	Bytes  int64  // sent of the body; of the whole answer for Apache and squid
	Range  string // the header; "" when there was none
	User   string // who was let in; "" for nobody
	Auth   string // the header Authorization, or Proxy-Authorization for a proxy
	Port   int    // of the client: requests on one connection have the same
}

// AccessLog returns the requests that the server has logged, oldest first. A
// server logs a request after the last byte of its answer, so a line may come a
// moment after the client has it all: see AwaitLog. What a stop cuts short is
// logged by Apache, not by nginx and squid.
func (p *process) AccessLog() []Request {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, "access.log"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.t.Fatal(err)
	}
	whole := text[:strings.LastIndexByte(string(text), '\n')+1] // not what is being written
	var log []Request
	for line := range strings.Lines(string(whole)) {
		r, err := parseRequest(strings.TrimSuffix(line, "\n"))
		if err != nil {
			p.t.Fatalf("access log of %s: %q: %v", p.name, line, err)
		}
		log = append(log, r)
	}
	return log
}

// AwaitLog returns the log when it has at least n requests. After ten seconds it
// fails the test.
func (p *process) AwaitLog(n int) []Request {
	p.t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		log := p.AccessLog()
		if len(log) >= n {
			return log
		}
		select {
		case <-deadline:
			p.t.Fatalf("%s logged %d requests, want %d", p.name, len(log), n)
		case <-time.After(10 * time.Millisecond): // a foreign process: there is nothing to wait on
		}
	}
}

// parseRequest reads the format that all configurations of the rig write:
// request line|status|bytes|range|user|authorization|client port.
func parseRequest(line string) (Request, error) {
	fields := strings.Split(line, "|")
	if len(fields) != 7 {
		return Request{}, errors.New("not 7 fields")
	}
	for i, f := range fields {
		fields[i] = unescape(f)
	}
	var r Request
	r.Method, r.Path, _ = strings.Cut(fields[0], " ")
	r.Path, _, _ = strings.Cut(r.Path, " ")
	r.Range, r.User, r.Auth = fields[3], fields[4], fields[5]
	var err error
	if r.Status, err = strconv.Atoi(fields[1]); err != nil {
		return Request{}, err
	}
	if r.Port, err = strconv.Atoi(fields[6]); err != nil {
		return Request{}, err
	}
	if fields[2] != "" {
		r.Bytes, err = strconv.ParseInt(fields[2], 10, 64)
	}
	return r, err
}

// unescape undoes what a server does to bytes that are not printable: \xC3 in the
// web servers, %C3 in squid. A request line stays as it was sent.
func unescape(s string) string {
	if s == "-" {
		return ""
	}
	if strings.Contains(s, `\`) {
		if u, err := strconv.Unquote(`"` + s + `"`); err == nil {
			return u
		}
	} else if !strings.Contains(s, " ") {
		if u, err := url.PathUnescape(s); err == nil {
			return u
		}
	}
	return s
}
