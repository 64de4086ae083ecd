package revocation

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"time"
)

// list is what is kept of a CRL: small, since lists can be long.
type list struct {
	revoked []serial // in order
	scope   *scope   // nil: all certificates of its issuer
}

// serial is a serial number in 20 bytes, which is all that it may have (RFC 5280 section 4.1.2.2).
type serial [20]byte

func serialOf(n *big.Int) (s serial, err error) {
	if n.Sign() < 0 || n.BitLen() > 8*len(s) {
		return s, errors.New("the serial number is longer than 20 bytes")
	}
	n.FillBytes(s[:])
	return s, nil
}

// look looks cert up in the CRL at place.
func (c *Checker) look(ctx context.Context, place *url.URL, cert, issuer *x509.Certificate, fetch Fetch) (verdict, error) {
	now := c.now()
	key := sha256.Sum256(append([]byte(place.String()), issuer.Raw...))
	l, err := c.lists.get(ctx, key, now, maxListEntries, func() (answer[*list], time.Time, error) {
		ctx, cancel := limited(ctx)
		defer cancel()
		raw, err := fetch(ctx, Request{URL: place.String(), Limit: maxList})
		if err != nil {
			return answer[*list]{}, time.Time{}, err
		}
		l, until, err := parseList(raw, issuer, now)
		if err != nil {
			return answer[*list]{}, time.Time{}, err
		}
		return answer[*list]{l, len(l.revoked) + 1}, until, nil
	})
	if err != nil {
		return verdict{}, err
	}
	return l.verdict(cert)
}

func (l *list) verdict(cert *x509.Certificate) (verdict, error) {
	if err := l.scope.covers(cert); err != nil {
		return verdict{}, err
	}
	s, err := serialOf(cert.SerialNumber)
	if err != nil {
		return verdict{}, err
	}
	_, found := slices.BinarySearchFunc(l.revoked, s, func(a, b serial) int { return bytes.Compare(a[:], b[:]) })
	return verdict{revoked: found}, nil
}

// The extensions of CRLs that decide what they tell (RFC 5280 section 5.2).
var (
	oidCRLNumber    = asn1.ObjectIdentifier{2, 5, 29, 20}
	oidAuthorityKey = asn1.ObjectIdentifier{2, 5, 29, 35}
	oidScope        = asn1.ObjectIdentifier{2, 5, 29, 28} // IssuingDistributionPoint
	reasonRemoved   = 8                                   // removeFromCRL
)

// parseList reads a CRL of issuer, in DER, and says until when it is valid.
func parseList(raw []byte, issuer *x509.Certificate, now time.Time) (*list, time.Time, error) {
	crl, err := x509.ParseRevocationList(raw)
	if err != nil {
		return nil, time.Time{}, err
	}
	if !bytes.Equal(crl.RawIssuer, issuer.RawSubject) {
		return nil, time.Time{}, fmt.Errorf("it is the list of another issuer, %s", crl.Issuer)
	}
	if err := crl.CheckSignatureFrom(issuer); err != nil {
		return nil, time.Time{}, err
	}
	if crl.ThisUpdate.After(now.Add(clockSkew)) || crl.NextUpdate.Before(now) { // a list without NextUpdate breaks section 5.1.2.5
		return nil, time.Time{}, fmt.Errorf("the list is for %s to %s only", crl.ThisUpdate, crl.NextUpdate)
	}
	l := &list{revoked: make([]serial, 0, len(crl.RevokedCertificateEntries))}
	for _, e := range crl.Extensions {
		switch {
		case e.Id.Equal(oidScope):
			if l.scope, err = parseScope(e.Value); err != nil {
				return nil, time.Time{}, err
			}
		case e.Critical && !e.Id.Equal(oidCRLNumber) && !e.Id.Equal(oidAuthorityKey): // among them those of delta lists
			return nil, time.Time{}, fmt.Errorf("the list has a critical extension, %s, that is not known", e.Id)
		}
	}
	for _, entry := range crl.RevokedCertificateEntries {
		s, err := serialOf(entry.SerialNumber)
		if err != nil {
			return nil, time.Time{}, err
		}
		if entry.ReasonCode != reasonRemoved {
			l.revoked = append(l.revoked, s)
		}
	}
	slices.SortFunc(l.revoked, func(a, b serial) int { return bytes.Compare(a[:], b[:]) })
	return l, crl.NextUpdate, nil
}

// scope says which certificates a list is about (RFC 5280 section 5.2.5).
type scope struct {
	Place struct {
		Full []asn1.RawValue `asn1:"optional,tag:0"`
		Rest asn1.RawValue   `asn1:"optional,tag:1"`
	} `asn1:"optional,tag:0"`
	OnlyUsers      bool           `asn1:"optional,tag:1"`
	OnlyCAs        bool           `asn1:"optional,tag:2"`
	SomeReasons    asn1.BitString `asn1:"optional,tag:3"`
	Indirect       bool           `asn1:"optional,tag:4"`
	OnlyAttributes bool           `asn1:"optional,tag:5"`
}

func parseScope(der []byte) (*scope, error) {
	s := &scope{}
	if rest, err := asn1.Unmarshal(der, s); err != nil || len(rest) > 0 {
		return nil, fmt.Errorf("the list's scope cannot be read: %w", cmp.Or(err, errors.New("trailing bytes")))
	}
	if s.Indirect || s.OnlyAttributes || s.SomeReasons.BitLength > 0 {
		return nil, errors.New("the list does not tell all about the certificates of its issuer")
	}
	return s, nil
}

// covers refuses a list that is not about cert: issuers split long ones, and who stands in the way could send the
// wrong piece.
func (s *scope) covers(cert *x509.Certificate) error {
	if s == nil {
		return nil
	}
	elsewhere := len(s.Place.Rest.FullBytes) > 0 || len(s.Place.Full) > 0
	for _, name := range s.Place.Full {
		const uri = 6 // of GeneralName
		if name.Class == asn1.ClassContextSpecific && name.Tag == uri && slices.Contains(cert.CRLDistributionPoints, string(name.Bytes)) {
			elsewhere = false
		}
	}
	if elsewhere || (s.OnlyUsers && cert.IsCA) || (s.OnlyCAs && !cert.IsCA) {
		return errors.New("the list is about other certificates of its issuer")
	}
	return nil
}
