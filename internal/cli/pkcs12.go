package cli

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"strings"

	"software.sslmate.com/src/go-pkcs12"
)

// readClientCert reads a client certificate with its private key, whatever the files' names say: PEM, DER with the key
// in a file of its own, or PKCS#12 (.p12, .pfx) with everything in one, which passwordFile opens ("" for the empty
// password). The result is PEM, the certificate first, then those of its issuers, then the key. Errors hold nothing of
// the key.
func readClientCert(certFile, keyFile, passwordFile string) (string, error) {
	raw, err := readCertFile("--cert", certFile)
	if err != nil {
		return "", err
	}
	var password, key []byte
	if passwordFile != "" {
		if password, err = readCertFile("--cert-password-file", passwordFile); err != nil {
			return "", err
		}
	}
	if keyFile != "" {
		if key, err = readCertFile("--key", keyFile); err != nil {
			return "", err
		}
	}
	blocks, err := certificateBlocks(certFile, raw, key == nil, strings.TrimRight(string(password), "\r\n"))
	if err != nil {
		return "", err
	}
	if key != nil {
		more, err := keyBlocks(keyFile, key)
		if err != nil {
			return "", err
		}
		blocks = append(blocks, more...)
	}
	return joinPair(certFile, blocks)
}

// maxCertFile bounds the files; the service takes less.
const maxCertFile = 1 << 20

func readCertFile(flag, file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	switch {
	case err != nil:
		return nil, usage("%s: %v", flag, err)
	case len(b) > maxCertFile:
		return nil, usage("%s: %s is larger than 1 MiB", flag, file)
	}
	return b, nil
}

// certificateBlocks are what raw holds. A key may be there too if withKey; PKCS#12 needs that.
func certificateBlocks(file string, raw []byte, withKey bool, password string) ([]*pem.Block, error) {
	if isPEM(raw) {
		return pemBlocks(file, raw)
	}
	if certs, err := x509.ParseCertificates(raw); err == nil && len(certs) > 0 {
		if withKey {
			return nil, usage("--cert: %s is a certificate without its private key; give that with --key", file)
		}
		return certBlocks(certs...), nil
	}
	key, leaf, issuers, err := pkcs12.DecodeChain(raw, password)
	var unknown pkcs12.NotImplementedError
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword) && password == "":
		return nil, usage("--cert: %s needs its password; give it with --cert-password-file", file)
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return nil, usage("--cert: the password of %s is another one", file)
	case errors.As(err, &unknown):
		return nil, usage("--cert: %s is protected in a way that ebb does not know (%s); convert it with: openssl pkcs12 -in %[1]s -nodes", file, string(unknown))
	case err != nil:
		return nil, usage("--cert: %s is no client certificate in PEM, DER or PKCS#12 form", file)
	case !withKey:
		return nil, usage("--key: %s holds the private key already", file)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, usage("--cert: %s has a private key of a kind that TLS does not know", file)
	}
	return append(certBlocks(append([]*x509.Certificate{leaf}, issuers...)...), &pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// keyBlocks are what a file with a private key holds.
func keyBlocks(file string, raw []byte) ([]*pem.Block, error) {
	if isPEM(raw) {
		return pemBlocks(file, raw)
	}
	for kind, parse := range map[string]func([]byte) error{
		"PRIVATE KEY":     func(b []byte) error { _, err := x509.ParsePKCS8PrivateKey(b); return err },
		"RSA PRIVATE KEY": func(b []byte) error { _, err := x509.ParsePKCS1PrivateKey(b); return err },
		"EC PRIVATE KEY":  func(b []byte) error { _, err := x509.ParseECPrivateKey(b); return err },
	} {
		if parse(raw) == nil {
			return []*pem.Block{{Type: kind, Bytes: raw}}, nil
		}
	}
	return nil, usage("--key: %s is no private key in PEM or DER form, or it is encrypted", file)
}

func isPEM(raw []byte) bool { return bytes.Contains(raw, []byte("-----BEGIN ")) }

// pemBlocks are the certificates and keys in raw, without what else such files hold.
func pemBlocks(file string, raw []byte) ([]*pem.Block, error) {
	var out []*pem.Block
	for block, rest := pem.Decode(raw); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case block.Type == "ENCRYPTED PRIVATE KEY", strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
			return nil, usage("the private key in %s is encrypted; write it without a password to a file that only you can read: openssl pkey -in %[1]s", file)
		case block.Type == "CERTIFICATE", strings.HasSuffix(block.Type, "PRIVATE KEY"):
			out = append(out, &pem.Block{Type: block.Type, Bytes: block.Bytes})
		}
	}
	return out, nil
}

func certBlocks(certs ...*x509.Certificate) []*pem.Block {
	var out []*pem.Block
	for _, c := range certs {
		out = append(out, &pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	}
	return out
}

// joinPair is blocks as one text, if they are a certificate with its key.
func joinPair(file string, blocks []*pem.Block) (string, error) {
	var certs, keys bytes.Buffer
	for _, b := range blocks {
		to := &keys
		if b.Type == "CERTIFICATE" {
			to = &certs
		}
		_ = pem.Encode(to, b) // neither a buffer nor a block without headers has errors
	}
	switch {
	case certs.Len() == 0:
		return "", usage("--cert: %s holds no certificate", file)
	case keys.Len() == 0:
		return "", usage("--cert: %s holds no private key; give that with --key", file)
	}
	if _, err := tls.X509KeyPair(certs.Bytes(), keys.Bytes()); err != nil {
		if strings.Contains(err.Error(), "does not match public key") {
			return "", usage("--cert: the private key is not the one of the first certificate in %s", file)
		}
		return "", usage("--cert: %s and its private key cannot be used together", file) // the cause could quote the key
	}
	return certs.String() + keys.String(), nil
}
