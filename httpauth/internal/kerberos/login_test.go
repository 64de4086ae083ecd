package kerberos

import (
	"errors"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// The parameters come in an answer that anyone on the way can write.
func TestPasswordParameters(t *testing.T) {
	t.Parallel()
	l := &login{who: principal{types.NewPrincipalName(1, "alice"), "EBB.TEST"}, password: "x"}
	for _, test := range []struct {
		params string
		ok     bool
	}{
		{"", true}, {"\x00\x00\x10\x00", true}, {"\x00\x10\x00\x01", false}, {"\xff\xff\xff\xff", false}, {"\x00\x00\x00\x00", false},
	} {
		k, err := l.key(types.ETypeInfo2Entry{EType: etypeID.AES256_CTS_HMAC_SHA1_96, S2KParams: []byte(test.params)})
		if (err == nil) != test.ok || (len(k.KeyValue) == 32) != test.ok {
			t.Errorf("%x: a key of %d bytes, %v", test.params, len(k.KeyValue), err)
		}
	}
}

func TestReplyToAnotherRequest(t *testing.T) {
	t.Parallel()
	alice, bob := principal{types.NewPrincipalName(1, "alice"), "EBB.TEST"}, types.NewPrincipalName(1, "bob")
	service := types.NewPrincipalName(2, "HTTP/localhost")
	req := messages.KDCReqFields{ReqBody: messages.KDCReqBody{Nonce: 5, Realm: "EBB.TEST", SName: service}}
	reply := func(change func(*messages.KDCRepFields)) *messages.KDCRepFields {
		rep := &messages.KDCRepFields{CName: alice.name, CRealm: "EBB.TEST", DecryptedEncPart: messages.EncKDCRepPart{
			Nonce: 5, SRealm: "EBB.TEST", SName: service, AuthTime: sent, EndTime: sent.Add(time.Hour), Key: types.EncryptionKey{KeyType: etypeID.AES256_CTS_HMAC_SHA1_96},
		}}
		change(rep)
		return rep
	}
	if tkt, err := checkReply(reply(func(*messages.KDCRepFields) {}), &req, alice); err != nil || !tkt.start.Equal(sent) {
		t.Errorf("an answer: %+v, %v", tkt, err)
	}
	for name, change := range map[string]func(*messages.KDCRepFields){
		"nonce":       func(r *messages.KDCRepFields) { r.DecryptedEncPart.Nonce++ },
		"realm":       func(r *messages.KDCRepFields) { r.DecryptedEncPart.SRealm = "OTHER" },
		"no service":  func(r *messages.KDCRepFields) { r.DecryptedEncPart.SName.NameString = nil },
		"user":        func(r *messages.KDCRepFields) { r.CName = bob },
		"user realm":  func(r *messages.KDCRepFields) { r.CRealm = "OTHER" },
		"session key": func(r *messages.KDCRepFields) { r.DecryptedEncPart.Key.KeyType = 1 },
	} {
		if _, err := checkReply(reply(change), &req, alice); !errors.Is(err, ErrNoTicket) {
			t.Errorf("another %s: %v", name, err)
		}
	}
}

// Which errors of a KDC end all attempts, and which let another scheme try.
func TestKDCErrors(t *testing.T) {
	t.Parallel()
	alice := principal{types.NewPrincipalName(1, "alice"), "EBB.TEST"}
	for _, test := range []struct {
		code   int32
		proved bool
		want   error
	}{
		{errorcode.KDC_ERR_PREAUTH_FAILED, true, ErrRefused},
		{errorcode.KRB_AP_ERR_BAD_INTEGRITY, true, ErrRefused},
		{errorcode.KDC_ERR_PREAUTH_REQUIRED, true, ErrRefused}, // it wants more than a password
		{errorcode.KDC_ERR_KEY_EXPIRED, false, ErrRefused},
		{errorcode.KDC_ERR_CLIENT_REVOKED, false, ErrRefused},
		{errorcode.KDC_ERR_C_PRINCIPAL_UNKNOWN, false, ErrNoTicket},
		{errorcode.KDC_ERR_ETYPE_NOSUPP, false, ErrNoTicket},
		{errorcode.KDC_ERR_WRONG_REALM, false, ErrNoTicket},
		{errorcode.KRB_ERR_GENERIC, true, ErrNoTicket},
		{errorcode.KRB_AP_ERR_SKEW, true, ErrClockSkew},
	} {
		err := loginError(messages.KRBError{ErrorCode: test.code}, alice, test.proved, sent)
		if !errors.Is(err, test.want) {
			t.Errorf("%s, proved: %t: %v, want %v", errorcode.Lookup(test.code), test.proved, err, test.want)
		}
	}
}
