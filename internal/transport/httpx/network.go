package httpx

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/httpauth"
	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

const (
	maxHeaderBytes  = 1 << 20
	idleConnTimeout = 90 * time.Second
	// maxIdleConns for each set of settings, and of those for each host.
	maxIdleConns        = 256
	maxIdleConnsPerHost = 64
)

// settings are all that a connection to the server of u depends on, if it goes by way of a proxy, or directly (nil).
func (d *Downloader) settings(src transport.Source, u, way *url.URL) (httpauth.Config, error) {
	n := src.Network
	config, err := tlsConfig(n.CACert, src.ClientCert)
	if err != nil {
		return httpauth.Config{}, err
	}
	credentials, err := d.credentials(src, u, way)
	if err != nil {
		return httpauth.Config{}, err
	}
	realm, err := kerberos(src)
	if err != nil {
		return httpauth.Config{}, err
	}
	dialer := &net.Dialer{Timeout: connectTimeout(n)}
	certificates := &verifier{roots: config.RootCAs, revocation: d.revocation, fetch: d.fetchStatus(src)}
	return httpauth.Config{
		Credentials: credentials, AllowCleartext: n.AllowCleartext, Kerberos: realm, PassportNexus: d.nexus, Dial: dialer.DialContext, TLS: config,
		Proxy: d.proxy(n), VerifyServer: certificates.verify,
		TLSHandshakeTimeout: connectTimeout(n), ResponseHeaderTimeout: stallTimeout(n), IdleConnTimeout: idleConnTimeout,
		MaxIdleConnsPerHost: maxIdleConnsPerHost, MaxResponseHeaderBytes: maxHeaderBytes,
		Base: &http.Transport{
			MaxIdleConns: maxIdleConns, DisableCompression: true,
			// For servers that demand HTTP/2: its default windows halve the speed of large files.
			HTTP2: &http.HTTP2Config{
				MaxReadFrameSize: 1 << 20, MaxReceiveBufferPerStream: 16 << 20, MaxReceiveBufferPerConnection: 32 << 20,
				SendPingTimeout: 15 * time.Second,
			},
		},
	}, nil
}

// wayKey has the way of a request in its context: a *url.URL, nil for the direct one.
type wayKey struct{}

// proxy is httpauth.Config.Proxy. Requests that send did not send, of a log-in, have ways of their own.
func (d *Downloader) proxy(n job.Network) func(*http.Request) (*url.URL, error) {
	return func(r *http.Request) (*url.URL, error) {
		if way, ok := r.Context().Value(wayKey{}).(*url.URL); ok {
			return withoutUser(way), nil
		}
		ways, err := d.routes(n)(r.Context(), r.URL)
		if err != nil {
			return nil, err
		}
		return withoutUser(ways[0]), nil
	}
}

func withoutUser(u *url.URL) *url.URL {
	if u == nil || u.User == nil {
		return u
	}
	bare := *u
	bare.User = nil
	return &bare
}

func tlsConfig(caCert string, clientCert []byte) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ClientSessionCache: tls.NewLRUClientSessionCache(0)}
	if caCert != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if !pool.AppendCertsFromPEM([]byte(caCert)) {
			return nil, job.Invalid(job.InvalidArg, "the CA file (--cacert) holds no certificate in PEM form")
		}
		config.RootCAs = pool
	}
	if len(clientCert) > 0 {
		pair, err := tls.X509KeyPair(clientCert, clientCert)
		if err != nil {
			if strings.Contains(err.Error(), "does not match public key") {
				return nil, job.Invalid(job.InvalidArg, "the key (--key) is not the one of the client certificate (--cert)")
			}
			// The cause could quote a piece of the key.
			return nil, job.Invalid(job.InvalidArg, "the client certificate (--cert, --key) is not a PEM certificate with its unencrypted key")
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
