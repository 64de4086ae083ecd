// Package transport is how bytes come from a server. A transport knows bytes, not
// jobs: it never retries (but for the round trips of an authentication), it classes what goes wrong as
// a *job.Error, once, and leaves everything else to its caller. transporttest is the contract as a test.
package transport

import (
	"context"
	"io"
	"net"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// Downloader opens remote files.
type Downloader interface {
	// Open returns the bytes of src from the offset on if the source is still the version that v
	// names (RFC 9110 sections 13.1.5 and 14.2 to 14.4). Otherwise, or when the server cannot
	// serve a part, it returns the whole body and Meta.Offset is 0.
	//
	// A body that ends before the announced length ends in an error, never in io.EOF. Errors of Open and
	// of the body's Read are *job.Error. ctx bounds the body as well. The caller closes the body.
	// A source that is known to be complete at the offset returns an empty body and Meta.Size == offset.
	Open(ctx context.Context, src Source, offset int64, v job.Validator) (body io.ReadCloser, m Meta, err error)

	// OpenRanges asks for parts of src in one request (RFC 9110 section 14.2). want is not empty; the End of its last
	// range may be −1, for all that follows. The answer may have other parts than those: merged ones, fewer, in another order, or the
	// whole source; the caller takes what it can use and asks again for the rest. It is told by Meta.Same whether the parts are proven
	// to be of version v; otherwise Meta.Validator is the version that they are of. Ranges that the source does not have are an
	// error with code InvalidRange, but for the empty one at its end: that answer has no parts, and Meta.Size.
	OpenRanges(ctx context.Context, src Source, want []job.Range, v job.Validator) (Parts, Meta, error)
}

// Parts are the parts of an answer. They are for one goroutine.
type Parts interface {
	// Next returns where the next part is in the source, and its bytes, which end in io.EOF exactly at its end. What was not read of the
	// part before is skipped. End is −1 when the answer does not tell. After the last part the error is io.EOF.
	Next() (job.Range, io.Reader, error)
	Close() error
}

// Source is a remote file and how to reach it.
type Source struct {
	URL         string
	Method      string // of HTTP; "" is GET
	Network     job.Network
	Headers     []job.Header // sent to the origin of URL only
	Credentials []job.Credential
	ClientCert  []byte // PEM certificate and key; nil for none
	// CheckCertificate, if not nil, has the last word on the certificate of each server of the source: after the system and the
	// security flags have let it pass, before a request is sent. host is HOST:PORT, chain the certificates in DER from the
	// server's own to the authority's. It is asked about each connection that is opened, and its yes holds as long as that is
	// open; what to remember beyond that is its own affair. A no is an error of class Transient in context ContextCertificate,
	// with the Code of a *job.Error. Connections serve only sources with the same CheckedBy. It is called by several goroutines at
	// once. ctx may outlive the request, since a handshake goes on without it.
	CheckCertificate func(ctx context.Context, host string, chain [][]byte) error
	// CheckedBy names CheckCertificate: one that replaces another has a new name, so that it is asked about new connections. "" is
	// the part of Try before its "/", which is the job.
	CheckedBy string
	// Conn, if not nil, is told of each connection that a request of the source goes over, before that is written; what is above TCP in
	// it has a method NetConn for what is below. The func that it returns is called once when the source's requests
	// go over that connection no more. It is called by several goroutines at once.
	Conn func(net.Conn) (release func())
	// Owner is the actor ID of the job's owner, such as "uid:1000": implicit credentials are that user's. "" is
	// the user of this process.
	Owner string
	// Try names what opens its sources together: credentials that a server or proxy has refused are not sent again
	// in the same try, so that a wrong password counts once and locks nobody out. In the next try they are: the
	// password may have been set at the server. "" is a try of its own.
	Try string
}

// Redirect is the cause, in job.Error.Err, of the error for a redirect that the source's security flags refuse
// (job.RefuseRedirects). Other reasons not to follow a redirect do not have it.
type Redirect struct {
	To string // the URL, fit to be the source's
}

// Error says where the redirect leads, without the query, which may be secret.
func (r *Redirect) Error() string {
	to, _, _ := strings.Cut(r.To, "?")
	return "redirected to " + to
}

// Meta is what an answer tells about the source.
type Meta struct {
	Offset    int64 // of the body's first byte: the one asked for, or 0
	Size      int64 // of the whole source, job.UnknownSize when the answer does not tell
	Validator job.Validator
	Same      bool      // of OpenRanges: the parts are proven to be of the version that was asked for
	Modified  time.Time // Last-Modified, zero when absent or unreadable
	Name      string    // safe file name from Content-Disposition, "" for none
	Digest    string    // "sha256=HEX" of the whole source from Repr-Digest, "" for none
	// Redirected is the URL that the answer came from, if redirects led there and are to be reported
	// (job.ReportRedirects); "" otherwise.
	Redirected string
	// Answer is what the server said, for people; nil when there was none.
	Answer *job.Answer
}
