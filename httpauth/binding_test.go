package httpauth

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"testing"
)

// TestBindingHash: the example of Microsoft's article "NTLM and Channel Binding Hash (a.k.a. Extended Protection
// for Authentication)".
func TestBindingHash(t *testing.T) {
	t.Parallel()
	certificate, err := hex.DecodeString("ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95")
	if err != nil {
		t.Fatal(err)
	}
	got := bindingHash(append([]byte("tls-server-end-point:"), certificate...))
	if want := "6586e99d81c2fc984e47172fd4dd0310"; hex.EncodeToString(got) != want {
		t.Errorf("%x, want %s", got, want)
	}
	if channelBinding(nil) != nil {
		t.Error("there is a binding without TLS")
	}
}

// TestEndPoint: RFC 5929 section 4.1.
func TestEndPoint(t *testing.T) {
	t.Parallel()
	for algorithm, want := range map[x509.SignatureAlgorithm]crypto.Hash{
		x509.MD5WithRSA: crypto.SHA256, x509.SHA1WithRSA: crypto.SHA256, x509.ECDSAWithSHA1: crypto.SHA256,
		x509.SHA256WithRSA: crypto.SHA256, x509.SHA256WithRSAPSS: crypto.SHA256, x509.ECDSAWithSHA256: crypto.SHA256,
		x509.SHA384WithRSA: crypto.SHA384, x509.SHA384WithRSAPSS: crypto.SHA384, x509.ECDSAWithSHA384: crypto.SHA384,
		x509.SHA512WithRSA: crypto.SHA512, x509.SHA512WithRSAPSS: crypto.SHA512, x509.ECDSAWithSHA512: crypto.SHA512,
		x509.PureEd25519: crypto.SHA256,
	} {
		if got := endPointHash(algorithm); got != want {
			t.Errorf("%v: %v, want %v", algorithm, got, want)
		}
	}
	sum := sha256.Sum256([]byte("DER"))
	if got, want := string(endPoint(&x509.Certificate{Raw: []byte("DER")})), "tls-server-end-point:"+string(sum[:]); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
