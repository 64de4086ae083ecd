package httpx

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
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

// settings are all that a connection to the server of u depends on.
func (d *Downloader) settings(src transport.Source, u *url.URL) (httpauth.Config, error) {
	n := src.Network
	config, err := tlsConfig(n.CACert, src.ClientCert)
	if err != nil {
		return httpauth.Config{}, err
	}
	proxy, err := d.proxy(n.Proxy)
	if err != nil {
		return httpauth.Config{}, err
	}
	credentials, err := d.credentials(src, u, proxy)
	if err != nil {
		return httpauth.Config{}, err
	}
	realm, err := kerberos(src)
	if err != nil {
		return httpauth.Config{}, err
	}
	dialer := &net.Dialer{Timeout: connectTimeout(n)}
	return httpauth.Config{
		Credentials: credentials, AllowCleartext: n.AllowCleartext, Kerberos: realm, PassportNexus: d.nexus, Dial: dialer.DialContext, TLS: config,
		Proxy:               func(r *http.Request) (*url.URL, error) { return withoutUser(proxy(r.URL)) },
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
			// The cause could quote a piece of the key.
			return nil, job.Invalid(job.InvalidArg, "the client certificate (--cert, --key) is not a PEM certificate with its unencrypted key")
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// proxy is how the proxy for a URL is found. Those of the environment may name a user.
func (d *Downloader) proxy(setting string) (func(*url.URL) (*url.URL, error), error) {
	switch setting {
	case "":
		return d.proxies, nil
	case "none":
		return func(*url.URL) (*url.URL, error) { return nil, nil }, nil
	}
	u, err := url.Parse(setting)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return nil, job.Invalid(job.InvalidProxyInfo, "proxy %q is not like http://proxy.example:3128", redact(setting))
	}
	if _, err := httpauth.Origin(u); err != nil {
		return nil, job.Invalid(job.InvalidProxyInfo, "%s: proxies are not supported; use http, https or socks5", u.Scheme)
	}
	return func(*url.URL) (*url.URL, error) { return u, nil }, nil
}

func withoutUser(u *url.URL, err error) (*url.URL, error) {
	if err != nil {
		return nil, errProxy // the cause quotes the URL, which may hold a password
	}
	if u == nil || u.User == nil {
		return u, nil
	}
	bare := *u
	bare.User = nil
	return &bare, nil
}

var errProxy = errors.New("the proxy of the environment (HTTP_PROXY, HTTPS_PROXY) is not a URL")
