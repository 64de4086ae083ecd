package httpx

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/job"
)

// statusHint says what the owner can do.
func statusHint(status int) string {
	switch status {
	case http.StatusAccepted:
		return "the server is still preparing the file"
	case http.StatusNoContent, http.StatusResetContent:
		return "there is no file behind this URL"
	case http.StatusForbidden:
		return "ask for permission, or check the URL if its signature may have expired"
	case http.StatusNotFound, http.StatusGone:
		return "check the URL"
	}
	switch job.HTTPStatus(status).Class() {
	case job.Transient:
		return "it may pass"
	case job.Fatal, job.NeedsAction:
	}
	return "trying again will not help"
}

// statusError is the error for an answer that carries no file. It reads the beginning of its body.
func statusError(resp *http.Response) *job.Error {
	e := refusalError(resp)
	e.Answer = refusalOf(resp)
	return e
}

func refusalError(resp *http.Response) *job.Error {
	if e := httpauth.Failure(resp, nil); e != nil {
		return authError(e)
	}
	if resp.StatusCode == http.StatusUnauthorized {
		return unauthorized(resp)
	}
	return newStatusError(resp.StatusCode, resp.Header, display(resp.Request.URL))
}

func newStatusError(status int, h http.Header, who string) *job.Error {
	e := &job.Error{
		Context: job.ContextRemoteFile, Code: job.HTTPStatus(status), Class: job.HTTPStatus(status).Class(),
		Text: fmt.Sprintf("%s answered %d %s: %s", who, status, http.StatusText(status), statusHint(status)),
	}
	if e.Class == job.Transient {
		e.RetryAfter = retryAfter(h, time.Now())
	}
	return e
}

// unauthorized is a 401 to a request that had its Authorization from a custom header.
func unauthorized(resp *http.Response) *job.Error {
	e := newStatusError(resp.StatusCode, nil, display(resp.Request.URL))
	e.Text = fmt.Sprintf("%s refused the Authorization header; replace it, or give credentials instead", display(resp.Request.URL))
	offered, _ := httpauth.ParseChallenges(resp.Header.Values("WWW-Authenticate")) // what can be read is enough
	for _, c := range offered {
		e.Schemes = append(e.Schemes, string(c.Scheme))
	}
	return e
}

// authError is a refusal by a server or proxy that asked for credentials, or by a proxy for other reasons.
func authError(a *httpauth.Error) *job.Error {
	if errors.Is(a.Err, httpauth.ErrConnect) {
		e := newStatusError(a.Status, a.Header, "proxy "+a.Origin)
		e.Context = job.ContextTransport
		return e
	}
	e := &job.Error{
		Context: job.ContextRemoteFile, Code: job.HTTPStatus(http.StatusUnauthorized), Class: job.NeedsAction,
		Text: a.Error(), Refused: string(a.Refused), Err: a,
	}
	if a.Target == httpauth.Proxy {
		e.Code = job.HTTPStatus(http.StatusProxyAuthRequired)
	}
	if errors.Is(a.Err, httpauth.ErrServerProof) {
		e.Code = job.SecureFailure
	}
	for _, s := range a.Offered {
		e.Schemes = append(e.Schemes, string(s))
	}
	return e
}
