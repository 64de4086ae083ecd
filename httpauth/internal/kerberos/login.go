package kerberos

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/iana/patype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// maxIterations bounds the work that a KDC's answer, which nothing authenticates
// yet, can demand for the key of a password. KDCs ask for 4096 or 32768.
const maxIterations = 1 << 20

// A login is a user and what proves it: a password or a keytab.
type login struct {
	who      principal
	password string
	keytab   keytab
	stamp    stamp // of the keytab
}

// types returns the encryption types, of those allowed, that the login has keys for.
func (l *login) types(allowed []int32) []int32 {
	if l.keytab != nil {
		return l.keytab.types(l.who, allowed)
	}
	return allowed
}

// key returns the user's key for an encryption type. info are the KDC's parameters
// for making one of a password.
func (l *login) key(info types.ETypeInfo2Entry) (types.EncryptionKey, error) {
	if l.keytab != nil {
		return l.keytab.keyFor(l.who, info.EType)
	}
	var k types.EncryptionKey
	return k, decode("the KDC's parameters for the password", func() error {
		kind, err := crypto.GetEtype(info.EType)
		if err != nil {
			return err
		}
		params := kind.GetDefaultStringToKeyParams()
		if len(info.S2KParams) == 4 {
			if n := binary.BigEndian.Uint32(info.S2KParams); n == 0 || n > maxIterations {
				return fmt.Errorf("%d iterations, more than %d", n, maxIterations)
			}
			params = hex.EncodeToString(info.S2KParams)
		}
		salt := info.Salt
		if salt == "" {
			salt = l.who.name.GetSalt(l.who.realm)
		}
		k.KeyType = info.EType
		k.KeyValue, err = kind.StringToKey(l.password, salt, params)
		return err
	})
}

// login gets a TGT (RFC 4120 section 3.1). The KDC sees one proof of the password at
// most: the first request carries none, and what it answers says how to make it.
func (c *realmConfig) login(ctx context.Context, l *login, now func() time.Time) (*ticket, error) {
	kinds := l.types(c.loginTypes)
	if len(kinds) == 0 {
		return nil, fmt.Errorf("%w: the keytab has no key of %s of a permitted encryption type", ErrNoTicket, l.who)
	}
	addrs, err := c.kdcsOf(ctx, l.who.realm)
	if err != nil {
		return nil, err
	}
	req := c.loginRequest(l.who, kinds, now())
	reply, kdc, err := c.exchangeLogin(ctx, addrs, &req, false)
	if err != nil {
		return nil, err
	}
	info := types.ETypeInfo2Entry{EType: kinds[0]}
	if e, failed := kdcError(reply); failed {
		if e.ErrorCode != errorcode.KDC_ERR_PREAUTH_REQUIRED {
			return nil, loginError(e, l.who, false, now())
		}
		if info, err = preauthentication(e.EData, kinds); err != nil {
			return nil, fmt.Errorf("%w: the KDC of %s: %w", ErrNoTicket, l.who.realm, err)
		}
		k, err := l.key(info)
		if err != nil {
			return nil, err
		}
		defer clear(k.KeyValue)
		if err := prove(&req, k, now()); err != nil {
			return nil, err
		}
		if reply, _, err = c.exchangeLogin(ctx, []string{kdc}, &req, true); err != nil {
			return nil, err
		}
		if e, failed := kdcError(reply); failed {
			return nil, loginError(e, l.who, true, now())
		}
	}
	return c.loginReply(reply, &req, l, info, now())
}

func (c *realmConfig) exchangeLogin(ctx context.Context, addrs []string, req *messages.ASReq, proof bool) (reply []byte, from string, err error) {
	message, err := req.Marshal()
	if err != nil {
		return nil, "", err
	}
	return c.ask(ctx, addrs, req.ReqBody.Realm, request{message, proof})
}

func (c *realmConfig) loginRequest(who principal, kinds []int32, now time.Time) messages.ASReq {
	return messages.ASReq{KDCReqFields: messages.KDCReqFields{
		PVNO: iana.PVNO, MsgType: msgtype.KRB_AS_REQ,
		ReqBody: messages.KDCReqBody{
			KDCOptions: types.NewKrbFlags(),
			CName:      who.name, Realm: who.realm, SName: granting(who.realm, who.realm).name,
			Till: now.UTC().Add(c.ticketLifetime), Nonce: nonce(), EType: kinds,
		},
	}}
}

// preauthentication reads what a KDC wants to have before it gives a TGT, and
// returns the first encryption type that it and we know (RFC 4120 section 5.2.7.5).
func preauthentication(methods []byte, kinds []int32) (info types.ETypeInfo2Entry, err error) {
	var offered types.PADataSequence
	if err := decode("its demand for preauthentication", func() error { return offered.Unmarshal(methods) }); err != nil {
		return info, err
	}
	if !offered.Contains(patype.PA_ENC_TIMESTAMP) {
		return info, errors.New("it demands a preauthentication that is not supported here (a smart card, a one-time password)")
	}
	info, ok, err := keyInfo(offered, kinds)
	if !ok {
		info.EType = kinds[0]
	}
	return info, err
}

// keyInfo finds the KDC's parameters for a key of one of the encryption types.
func keyInfo(data types.PADataSequence, kinds []int32) (info types.ETypeInfo2Entry, ok bool, err error) {
	for _, d := range data {
		if d.PADataType != patype.PA_ETYPE_INFO2 {
			continue
		}
		var offered types.ETypeInfo2
		if err := decode("its list of encryption types", func() error { return offered.Unmarshal(d.PADataValue) }); err != nil {
			return info, false, err
		}
		for _, o := range offered {
			if slices.Contains(kinds, o.EType) {
				return o, true, nil
			}
		}
		return info, false, errors.New("it wants an encryption type that is not supported or not permitted here")
	}
	return info, false, nil
}

// prove adds the time, encrypted with the user's key (RFC 4120 section 5.2.7.2).
func prove(req *messages.ASReq, k types.EncryptionKey, now time.Time) error {
	return decode("the key", func() error {
		plain, err := asn1.Marshal(types.PAEncTSEnc{PATimestamp: now.UTC(), PAUSec: now.Nanosecond() / 1000})
		if err != nil {
			return err
		}
		secret, err := crypto.GetEncryptedData(plain, k, keyusage.AS_REQ_PA_ENC_TIMESTAMP, 0)
		if err != nil {
			return err
		}
		value, err := secret.Marshal()
		req.PAData = types.PADataSequence{{PADataType: patype.PA_ENC_TIMESTAMP, PADataValue: value}}
		return err
	})
}

// loginReply opens and checks the reply (RFC 4120 section 3.1.5).
func (c *realmConfig) loginReply(reply []byte, req *messages.ASReq, l *login, info types.ETypeInfo2Entry, now time.Time) (*ticket, error) {
	var rep messages.ASRep
	if err := decode("the KDC's reply", func() error { return rep.Unmarshal(reply) }); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTicket, err)
	}
	kind := rep.EncPart.EType
	if !slices.Contains(req.ReqBody.EType, kind) {
		return nil, fmt.Errorf("%w: the KDC's reply has an encryption type (%d) that was not asked for", ErrNoTicket, kind)
	}
	// Without preauthentication the parameters for the key come only now.
	if told, ok, _ := keyInfo(rep.PAData, []int32{kind}); ok {
		info = told
	} else if info.EType != kind {
		info = types.ETypeInfo2Entry{EType: kind}
	}
	k, err := l.key(info)
	if err != nil {
		return nil, err
	}
	defer clear(k.KeyValue)
	if err := decode("the KDC's reply", func() error { return openReply(&rep.KDCRepFields, k, keyusage.AS_REP_ENCPART) }); err != nil {
		return nil, fmt.Errorf("%w: the KDC's reply is not made with the password or key of %s", ErrRefused, l.who)
	}
	t, err := checkReply(&rep.KDCRepFields, &req.KDCReqFields, l.who)
	if err != nil {
		return nil, err
	}
	if skew := rep.DecryptedEncPart.AuthTime.Sub(now); skew.Abs() > c.clockSkew {
		return nil, skewError("the KDC of "+l.who.realm, rep.DecryptedEncPart.AuthTime, now)
	}
	return t, nil
}

func openReply(rep *messages.KDCRepFields, k types.EncryptionKey, usage uint32) error {
	plain, err := crypto.DecryptEncPart(rep.EncPart, k, usage)
	if err != nil {
		return err
	}
	defer clear(plain)
	return rep.DecryptedEncPart.Unmarshal(plain)
}

// checkReply checks that a reply, opened, answers the request, and returns its ticket.
// It compares all but the service, which a referral may change.
func checkReply(rep *messages.KDCRepFields, req *messages.KDCReqFields, who principal) (*ticket, error) {
	in := rep.DecryptedEncPart
	t := &ticket{
		client: principal{rep.CName, rep.CRealm}, service: principal{in.SName, in.SRealm},
		raw: rep.Ticket, key: in.Key, start: in.StartTime, end: in.EndTime, renewTill: in.RenewTill,
	}
	if t.start.IsZero() {
		t.start = in.AuthTime
	}
	switch {
	case in.Nonce != req.ReqBody.Nonce, in.SRealm != req.ReqBody.Realm, len(in.SName.NameString) == 0:
		return nil, fmt.Errorf("%w: the KDC's reply answers another request", ErrNoTicket)
	case !t.client.equal(who):
		return nil, fmt.Errorf("%w: the KDC's reply is for %q, not for %s", ErrNoTicket, t.client.String(), who)
	}
	if _, err := crypto.GetEtype(t.key.KeyType); err != nil {
		return nil, fmt.Errorf("%w: the ticket's session key has an encryption type (%d) that is not supported here", ErrNoTicket, t.key.KeyType)
	}
	return t, nil
}

// nonce returns a random number that fits into 31 bits, which every KDC can echo.
func nonce() int {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	return int(binary.BigEndian.Uint32(b[:]) >> 1)
}
