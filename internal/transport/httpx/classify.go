package httpx

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/job"
)

// classify turns what stopped a request to u, or the body of its answer, into the error with the code that
// WinHTTP and BITS have for it.
func (f *fetch) classify(u *url.URL, err error) *job.Error {
	var classed *job.Error
	var refusal *httpauth.Error
	switch {
	case errors.Is(context.Cause(f.ctx), errStalled):
		return f.failed(u, job.RequestTimeout, fmt.Sprintf("no byte came for %v (stall timeout, body)", stallTimeout(f.source.Network)), err)
	case f.ctx.Err() != nil:
		return f.failed(u, job.ConnectionClosed, "the download was stopped", context.Cause(f.ctx))
	case errors.As(err, &classed):
		return classed
	case errors.As(err, &refusal):
		e := authError(refusal)
		e.Answer = f.answerOfTunnel(u, refusal)
		return e
	}
	for _, known := range []func(error) (job.Code, job.Class, string){certificate, timeout, system, protocol} {
		if code, class, text := known(err); text != "" {
			e := f.failed(u, code, text, err)
			e.Class = class
			return e
		}
	}
	return f.failed(u, job.ConnectionReset, oneLine(err), err)
}

func (f *fetch) failed(u *url.URL, code job.Code, text string, err error) *job.Error {
	e := &job.Error{Context: job.ContextRemoteFile, Code: code, Class: job.Transient, Text: u.Host + ": " + text, Err: err}
	if strings.HasPrefix(oneLine(err), "proxy") {
		e.Context = job.ContextTransport
	}
	return e
}

// certificate knows what goes wrong between two ends that do not trust each other. None of it passes by itself.
func certificate(err error) (job.Code, job.Class, string) {
	const ca = "; if you trust it, pass its CA certificate with --cacert"
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	text := oneLine(err)
	switch {
	case errors.As(err, &name):
		return job.SecureFailure, job.NeedsAction, "the server's certificate is for another name: " + oneLine(name)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return job.SecureFailure, job.NeedsAction, "the server's certificate has expired or this machine's clock is wrong: " + oneLine(invalid)
	case errors.As(err, &authority):
		return job.SecureFailure, job.NeedsAction, "the server's certificate is signed by an unknown authority" + ca
	case errors.As(err, &verification):
		return job.SecureFailure, job.NeedsAction, "the server's certificate is not valid: " + oneLine(verification.Err) + ca
	case strings.Contains(text, "tls: certificate required"), strings.Contains(text, "remote error: tls: bad certificate"),
		strings.Contains(text, "remote error: tls: unknown certificate"):
		return job.ClientCertNeeded, job.NeedsAction, "the server wants a client certificate, or another one; pass it with --cert and --key"
	case errors.As(err, &record):
		return job.SecureFailure, job.Fatal, "the server does not speak TLS at this port; is it an http:// URL?"
	case strings.Contains(text, "TLS handshake with") && strings.Contains(text, "tls: "):
		return job.SecureFailure, job.Fatal, text
	}
	return 0, 0, ""
}

// timeout knows at which stage nothing came.
func timeout(err error) (job.Code, job.Class, string) {
	switch text := oneLine(err); {
	case !isTimeout(err):
		return 0, 0, ""
	case isDNS(err):
		return job.NameNotResolved, job.Transient, "the name server did not answer in time (connect timeout)"
	case isDial(err):
		return job.RequestTimeout, job.Transient, fmt.Sprintf("%s did not accept the connection in time (connect timeout)", peer(err))
	case strings.Contains(text, "TLS handshake"):
		return job.RequestTimeout, job.Transient, "the TLS handshake was not answered in time (connect timeout)"
	case strings.Contains(text, "CONNECT"), strings.Contains(text, "SOCKS"):
		return job.RequestTimeout, job.Transient, "the proxy did not open the connection in time (stall timeout): " + text
	case strings.Contains(text, "awaiting response headers"):
		return job.RequestTimeout, job.Transient, "the server did not begin to answer in time (stall timeout, header)"
	default:
		return job.RequestTimeout, job.Transient, text
	}
}

// system knows what the network stack reports.
func system(err error) (job.Code, job.Class, string) {
	switch {
	case isDNS(err):
		return job.NameNotResolved, job.Transient, "the host name cannot be resolved"
	case errors.Is(err, errnoNetDown), errors.Is(err, errnoNetUnreach):
		return job.NetworkDisconnected, job.Transient, "there is no network that leads to the server"
	case isDial(err) && errors.Is(err, errnoRefused):
		return job.CannotConnect, job.Transient, fmt.Sprintf("%s refused the connection; nothing listens there", peer(err))
	case isDial(err) && errors.Is(err, errnoHostUnreach):
		return job.CannotConnect, job.Transient, fmt.Sprintf("%s cannot be reached", peer(err))
	case isDial(err):
		return job.CannotConnect, job.Transient, oneLine(err)
	case errors.Is(err, errnoReset), errors.Is(err, errnoAborted):
		return job.ConnectionReset, job.Transient, "the connection was reset" + where(err)
	case errors.Is(err, io.ErrUnexpectedEOF), hungUp(err):
		return job.ConnectionClosed, job.Transient, "the server closed the connection too early" + where(err)
	}
	return 0, 0, ""
}

// hungUp reports whether the connection ended before the first byte of an answer. It depends on chance whether
// net/http notices by reading, by writing, or between the two.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "server closed idle connection")
}

// where is what wraps the cause: how far a body got.
func where(err error) string {
	if cause := errors.Unwrap(err); cause != nil {
		if before, ok := strings.CutSuffix(err.Error(), ": "+cause.Error()); ok && strings.HasPrefix(before, "byte ") {
			return " (at " + before + ")"
		}
	}
	return ""
}

// protocol knows answers that are not HTTP.
func protocol(err error) (job.Code, job.Class, string) {
	text := oneLine(err)
	switch {
	case strings.Contains(text, "response headers exceeded"), strings.Contains(text, "header list larger"):
		return job.BadServerReply, job.Transient, fmt.Sprintf("the header of the answer is larger than %d bytes", maxHeaderBytes)
	case strings.Contains(text, "malformed"), strings.Contains(text, "transport connection broken"), strings.Contains(text, "chunk"),
		strings.Contains(text, "http2: "), strings.Contains(text, "stream error"), errors.Is(err, http.ErrLineTooLong):
		return job.BadServerReply, job.Transient, "the answer is not valid HTTP: " + text
	}
	return 0, 0, ""
}

// refusesHTTP1 reports whether an answer to a request by HTTP/1.1 may mean that the server wants HTTP/2: it refused
// the protocol in the handshake (RFC 7301 section 3.2), speaks HTTP/2 without being asked, hung up without a
// word (as net/http does without HTTP/1.1), or answered 421, 426, 505 or the 464 of load balancers.
func refusesHTTP1(resp *http.Response, err error) bool {
	if err != nil {
		text := err.Error()
		return hungUp(err) || errors.Is(err, errnoReset) || errors.Is(err, errnoAborted) ||
			strings.Contains(text, "tls: no application protocol") || strings.Contains(text, `malformed HTTP response "\x00\x00`)
	}
	switch resp.StatusCode {
	case http.StatusMisdirectedRequest, http.StatusUpgradeRequired, http.StatusHTTPVersionNotSupported, 464:
		return true
	}
	return false
}

// isTimeout looks through OpError, which does not see a timeout that is wrapped.
func isTimeout(err error) bool {
	var n net.Error
	for at := err; errors.As(at, &n); at = errors.Unwrap(n) {
		if n.Timeout() {
			return true
		}
	}
	return errors.Is(err, errnoTimedOut)
}

func isDNS(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns)
}

// dialing finds the failed attempt to connect in err; net/http wraps one to a proxy in another OpError.
func dialing(err error) *net.OpError {
	var op *net.OpError
	for errors.As(err, &op) {
		if op.Op == "dial" {
			return op
		}
		err = op.Err
	}
	return nil
}

func isDial(err error) bool { return dialing(err) != nil }

// peer is the address that could not be connected to.
func peer(err error) string {
	if op := dialing(err); op.Addr != nil {
		return op.Addr.String()
	}
	return "the server"
}

// oneLine is the text of err with what a server may have put into it made harmless.
func oneLine(err error) string {
	if err == nil {
		return ""
	}
	const longest = 300
	text := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, err.Error())
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return text
}
