package httpx

import (
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// reserved are the header fields that a source may not have: the download itself depends on them, or they
// belong to the connection.
var reserved = []string{
	"Accept-Encoding", "Connection", "Content-Length", "Expect", "If-Match", "If-Modified-Since", "If-None-Match", "If-Range",
	"If-Unmodified-Since", "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "Range", "Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// Check reports what makes src impossible to download whatever its server says: a URL, proxy, certificate,
// header or credentials that are wrong. It sends nothing. The error is a *job.Error of class Fatal and says what
// to change.
func Check(src transport.Source) error {
	u, err := parseURL(src.URL)
	if err != nil {
		return err
	}
	if err := checkHeaders(src.Headers); err != nil {
		return err
	}
	switch src.Network.Proxy {
	case job.ProxyPreconfigured, job.ProxyNone, job.ProxyAuto:
	default:
		if _, err := parseProxies(src.Network.Proxy); err != nil {
			return err
		}
	}
	_, err = New(Config{}).settings(src, u, nil)
	return err
}

func checkHeaders(headers []job.Header) error {
	for _, h := range headers {
		name := http.CanonicalHeaderKey(h.Name)
		switch {
		case !httpguts.ValidHeaderFieldName(h.Name):
			return job.Invalid(job.InvalidArg, "%.60q is not the name of a header field", h.Name)
		case !httpguts.ValidHeaderFieldValue(h.Value) || strings.ContainsAny(h.Value, "\r\n"):
			return job.Invalid(job.InvalidArg, "the value of header %s holds a control character", name)
		case slices.Contains(reserved, name):
			return job.Invalid(job.InvalidArg, "header %s cannot be set: ebb needs it itself", name)
		}
	}
	return nil
}
