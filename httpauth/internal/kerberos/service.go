package kerberos

import (
	"context"
	"fmt"
	"time"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// maxReferrals is how many realms may send us on to another one.
const maxReferrals = 8

// serviceTicket gets a ticket for a service (RFC 4120 section 3.3), through other
// realms if need be: to the one that krb5.conf or the caller names, else where the
// KDCs refer us to (RFC 6806 section 8).
func (c *realmConfig) serviceTicket(ctx context.Context, tgt *ticket, service principal, now func() time.Time) (*ticket, error) {
	to := service.realm // "" when nobody knows
	if to == "" {
		to = c.realmOf(service.name.NameString[1])
	}
	for range maxReferrals {
		at := tgt.forRealm()
		want := principal{service.name, at}
		travels := to != "" && to != at
		if travels {
			want = granting(to, at)
		}
		t, err := c.exchangeTicket(ctx, tgt, want, flags.Canonicalize, now)
		switch {
		case err != nil:
			return nil, err
		case t.service.name.Equal(service.name):
			return t, nil
		case len(t.service.name.NameString) != 2 || t.service.name.NameString[0] != "krbtgt" || t.forRealm() == at:
			return nil, fmt.Errorf("%w: the KDC of %s was asked for %s and gives a ticket for %s", ErrNoTicket, at, want, t.service)
		}
		if !travels {
			to = t.forRealm() // it knows better
		}
		tgt = t
	}
	return nil, fmt.Errorf("%w: more than %d realms on the way to %s", ErrNoTicket, maxReferrals, service)
}

// renew returns tgt with a later end.
func (c *realmConfig) renew(ctx context.Context, tgt *ticket, now func() time.Time) (*ticket, error) {
	t, err := c.exchangeTicket(ctx, tgt, tgt.service, flags.Renew, now)
	if err == nil && !t.service.equal(tgt.service) {
		err = fmt.Errorf("%w: the KDC renews another ticket", ErrNoTicket)
	}
	return t, err
}

// exchangeTicket asks the realm that tgt is for. Asking again does no harm: it
// proves no password.
func (c *realmConfig) exchangeTicket(ctx context.Context, tgt *ticket, service principal, option int, now func() time.Time) (*ticket, error) {
	realm := tgt.forRealm()
	addrs, err := c.kdcsOf(ctx, realm)
	if err != nil {
		return nil, err
	}
	req := messages.TGSReq{KDCReqFields: messages.KDCReqFields{
		PVNO: iana.PVNO, MsgType: msgtype.KRB_TGS_REQ,
		ReqBody: messages.KDCReqBody{
			KDCOptions: types.NewKrbFlags(),
			Realm:      realm, SName: service.name,
			Till: now().UTC().Add(c.ticketLifetime), Nonce: nonce(), EType: c.serviceTypes,
		},
	}}
	types.SetFlag(&req.ReqBody.KDCOptions, option)
	var message []byte
	if err := decode("the ticket-granting ticket", func() (err error) {
		message, err = signedRequest(&req, tgt, now())
		return err
	}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTicket, err)
	}
	reply, _, err := c.ask(ctx, addrs, realm, request{message: message})
	if err != nil {
		return nil, err
	}
	if e, failed := kdcError(reply); failed {
		return nil, ticketError(e, tgt, service, now())
	}
	var rep messages.TGSRep
	if err := decode("the KDC's reply", func() error {
		if err := rep.Unmarshal(reply); err != nil {
			return err
		}
		return openReply(&rep.KDCRepFields, tgt.key, keyusage.TGS_REP_ENCPART_SESSION_KEY)
	}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTicket, err)
	}
	return checkReply(&rep.KDCRepFields, &req.KDCReqFields, tgt.client)
}

// signedRequest encodes a request with the TGT and an authenticator over its body
// (RFC 4120 section 5.4.1).
func signedRequest(req *messages.TGSReq, tgt *ticket, now time.Time) ([]byte, error) {
	body, err := req.ReqBody.Marshal()
	if err != nil {
		return nil, err
	}
	kind, err := crypto.GetEtype(tgt.key.KeyType)
	if err != nil {
		return nil, err
	}
	sum, err := kind.GetChecksumHash(tgt.key.KeyValue, body, keyusage.TGS_REQ_PA_TGS_REQ_AP_REQ_AUTHENTICATOR_CHKSUM)
	if err != nil {
		return nil, err
	}
	auth := authenticator(tgt, types.Checksum{CksumType: kind.GetHashID(), Checksum: sum}, now)
	ap, err := messages.NewAPReq(tgt.raw, tgt.key, auth)
	if err != nil {
		return nil, err
	}
	value, err := ap.Marshal()
	if err != nil {
		return nil, err
	}
	req.PAData = types.PADataSequence{{PADataType: patype.PA_TGS_REQ, PADataValue: value}}
	return req.Marshal()
}

// authenticator proves, at one time, that the ticket's client knows its session key
// (RFC 4120 section 5.5.1).
func authenticator(t *ticket, sum types.Checksum, now time.Time) types.Authenticator {
	return types.Authenticator{
		AVNO: iana.PVNO, CRealm: t.client.realm, CName: t.client.name, Cksum: sum,
		CTime: now.UTC().Truncate(time.Second), Cusec: now.Nanosecond() / 1000,
		SeqNumber: int64(nonce()),
	}
}
