package httpauth

import (
	"crypto"
	"crypto/md5" //nolint:gosec // the GSS-API fixes it
	"crypto/x509"
	"encoding/binary"
)

// endPoint returns what ties an answer to the TLS connection whose server has shown c: the channel binding of type
// tls-server-end-point (RFC 5929 section 4), which Windows calls Extended Protection.
func endPoint(c *x509.Certificate) []byte {
	h := endPointHash(c.SignatureAlgorithm).New()
	h.Write(c.Raw)
	return h.Sum([]byte("tls-server-end-point:"))
}

// channelBinding returns what Kerberos and NTLM say of a connection to the server that has shown c; nil without TLS.
func channelBinding(c *x509.Certificate) []byte {
	if c == nil {
		return nil
	}
	return bindingHash(endPoint(c))
}

// bindingHash returns the MD5 hash of the GSS-API channel bindings with that application data (RFC 4121 section
// 4.1.1.2). Neither side names its address: two types and two lengths that are zero.
func bindingHash(data []byte) []byte {
	bindings := binary.LittleEndian.AppendUint32(make([]byte, 16), uint32(len(data))) //nolint:gosec // less than 100
	sum := md5.Sum(append(bindings, data...))                                         //nolint:gosec // as above
	return sum[:]
}

// endPointHash is the hash of the certificate's signature, but SHA-256 in place of MD5 and SHA-1, and where the
// signature has no hash of its own.
func endPointHash(a x509.SignatureAlgorithm) crypto.Hash {
	switch a {
	case x509.SHA384WithRSA, x509.ECDSAWithSHA384, x509.SHA384WithRSAPSS:
		return crypto.SHA384
	case x509.SHA512WithRSA, x509.ECDSAWithSHA512, x509.SHA512WithRSAPSS:
		return crypto.SHA512
	default:
		return crypto.SHA256
	}
}
