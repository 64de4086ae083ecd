// Package transport is how bytes come from a server. A transport knows bytes, not
// jobs: it never retries (but for the round trips of an authentication), it classes what goes wrong as
// a *job.Error, once, and leaves everything else to its caller. transporttest is the contract as a test.
package transport

import (
	"context"
	"io"
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
	// whole source; the caller takes what it can use and asks again for the rest. Parts of another version than v are
	// never returned: if v is not the version any more, or nothing proves that it is, Meta.Validator is the new one and the parts are
	// of that, so the caller must compare. Ranges that the source does not have are an error with code InvalidRange.
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
	// Owner is the actor ID of the job's owner, such as "uid:1000": implicit credentials are that user's. "" is
	// the user of this process.
	Owner string
	// Try names what opens its sources together: credentials that a server or proxy has refused are not sent again
	// in the same try, so that a wrong password counts once and locks nobody out. In the next try they are: the
	// password may have been set at the server. "" is a try of its own.
	Try string
}

// Meta is what an answer tells about the source.
type Meta struct {
	Offset    int64 // of the body's first byte: the one asked for, or 0
	Size      int64 // of the whole source, job.UnknownSize when the answer does not tell
	Validator job.Validator
	Modified  time.Time // Last-Modified, zero when absent or unreadable
	Name      string    // safe file name from Content-Disposition, "" for none
	Digest    string    // "sha256=HEX" of the whole source from Repr-Digest, "" for none
	// Redirected is the URL that the answer came from, if redirects led there and are to be reported
	// (job.ReportRedirects); "" otherwise.
	Redirected string
	// Answer is what the server said, for people; nil when there was none.
	Answer *job.Answer
}
