package kerberos

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

var sent = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)

// testContext returns a context as after Initiate, at the time sent.
func testContext(t testing.TB) *Context {
	t.Helper()
	id := New(Config{UID: -1})
	id.now = func() time.Time { return sent }
	service, err := parseService("HTTP/localhost@EBB.TEST")
	if err != nil {
		t.Fatal(err)
	}
	k := types.EncryptionKey{KeyType: etypeID.AES256_CTS_HMAC_SHA1_96, KeyValue: bytes.Repeat([]byte{7}, 32)}
	own := types.EncryptionKey{KeyType: k.KeyType, KeyValue: bytes.Clone(k.KeyValue)}
	tkt := &ticket{
		client: principal{types.NewPrincipalName(1, "alice"), "EBB.TEST"}, service: service, key: own, start: sent, end: sent.Add(time.Hour),
		raw: messages.Ticket{TktVNO: 5, Realm: "EBB.TEST", SName: service.name, EncPart: types.EncryptedData{EType: k.KeyType, Cipher: []byte("opaque")}},
	}
	id.own = newWallet(tkt)
	id.own.put("HTTP/localhost", tkt)
	c, err := newContext(id, tkt, k, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reply returns an acceptor's reply, for a time and under a key.
func reply(t testing.TB, k types.EncryptionKey, at time.Time) []byte {
	t.Helper()
	plain := application(t, 27, messages.EncAPRepPart{CTime: at.Truncate(time.Second), Cusec: at.Nanosecond() / 1000, SequenceNumber: 1})
	secret, err := crypto.GetEncryptedData(plain, k, keyusage.AP_REP_ENCPART, 0)
	if err != nil {
		t.Fatal(err)
	}
	return token(t, tokenAPRep, application(t, 15, messages.APRep{PVNO: 5, MsgType: 15, EncPart: secret}))
}

// application encodes v under an application tag.
func application(t testing.TB, tag int, v any) []byte {
	t.Helper()
	b, err := asn1.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return asn1tools.AddASNAppTag(b, tag)
}

func token(t testing.TB, kind, message []byte) []byte {
	t.Helper()
	token, err := wrapToken(kind, message)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func errorToken(t testing.TB, code int32) []byte {
	t.Helper()
	e := messages.NewKRBError(types.NewPrincipalName(1, "HTTP/localhost"), "EBB.TEST", code, "the\x1b[31mreason")
	message, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return token(t, tokenError, message)
}

func TestVerify(t *testing.T) {
	t.Parallel()
	c := testContext(t)
	other := types.EncryptionKey{KeyType: c.key.KeyType, KeyValue: bytes.Repeat([]byte{8}, 32)}
	smaller := types.EncryptionKey{KeyType: etypeID.RC4_HMAC, KeyValue: bytes.Repeat([]byte{7}, 16)}
	good := reply(t, c.key, sent)
	for _, test := range []struct {
		name  string
		token []byte
		want  error
	}{
		{"genuine", good, nil},
		{"another microsecond", reply(t, c.key, sent.Add(time.Microsecond)), ErrNotProven},
		{"another second", reply(t, c.key, sent.Add(time.Second)), ErrNotProven},
		{"another key", reply(t, other, sent), ErrNotProven},
		{"another kind of key", reply(t, smaller, sent), ErrNotProven},
		{"nearly nothing encrypted", token(t, tokenAPRep, application(t, 15, messages.APRep{
			PVNO: 5, MsgType: 15, EncPart: types.EncryptedData{EType: c.key.KeyType, Cipher: []byte("abc")},
		})), ErrNotProven},
		{"something behind it", append(bytes.Clone(good), 0), ErrNotProven},
		{"our own token", c.Token(), ErrNotProven},
		{"nothing", nil, ErrNotProven},
		{"no message", token(t, tokenAPRep, nil), ErrNotProven},
		{"an error that is none", token(t, tokenError, []byte{0x7e, 0}), ErrNotProven},
		{"clock", errorToken(t, errorcode.KRB_AP_ERR_SKEW), ErrClockSkew},
		{"expired", errorToken(t, errorcode.KRB_AP_ERR_TKT_EXPIRED), ErrExpired},
		{"old key", errorToken(t, errorcode.KRB_AP_ERR_BADKEYVER), ErrRejected},
		{"anything", errorToken(t, errorcode.KRB_ERR_GENERIC), ErrRejected},
	} {
		err := c.Verify(test.token)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if err != nil && bytes.ContainsRune([]byte(err.Error()), '\x1b') {
			t.Errorf("%s: the error has control characters: %q", test.name, err)
		}
	}
}

func TestRejectedTicketIsDropped(t *testing.T) {
	t.Parallel()
	c := testContext(t)
	for _, err := range []error{c.Verify(reply(t, c.key, sent)), c.Verify(errorToken(t, errorcode.KRB_AP_ERR_SKEW)), c.Verify(nil)} {
		if len(c.identity.own.services) == 0 {
			t.Errorf("dropped after %v", err)
		}
	}
	_ = c.Verify(errorToken(t, errorcode.KRB_AP_ERR_MODIFIED))
	if len(c.identity.own.services) != 0 {
		t.Error("still kept after the service has rejected it")
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	c := testContext(t)
	held := c.ticket.key.KeyValue
	c.identity.Close()
	if !bytes.Equal(held, make([]byte, len(held))) {
		t.Errorf("the session key is still in memory: %x", held)
	}
	if err := c.Verify(reply(t, c.key, sent)); err != nil {
		t.Errorf("a context from before: %v", err)
	}
	if _, err := c.identity.sessionKey(c.ticket); !errors.Is(err, ErrNoTicket) {
		t.Errorf("afterwards: %v", err)
	}
	c.identity.Close()
}

// What the token promises, byte by byte (RFC 4121 section 4.1.1).
func TestToken(t *testing.T) {
	t.Parallel()
	c := testContext(t)
	kind, message, err := unwrapToken(c.Token())
	if err != nil || !bytes.Equal(kind, tokenAPReq) {
		t.Fatalf("kind %x: %v", kind, err)
	}
	var req messages.APReq
	if err := req.Unmarshal(message); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(req.APOptions.Bytes, []byte{0x20, 0, 0, 0}) {
		t.Errorf("options %x, want mutual-required alone", req.APOptions.Bytes)
	}
	if err := req.DecryptAuthenticator(c.key); err != nil {
		t.Fatal(err)
	}
	auth := req.Authenticator
	if !auth.CTime.Equal(sent.Truncate(time.Second)) || auth.Cusec != 123456 || auth.CRealm != "EBB.TEST" {
		t.Errorf("authenticator %+v", auth)
	}
	if auth.Cksum.CksumType != 0x8003 {
		t.Errorf("checksum type %#x", auth.Cksum.CksumType)
	}
	binding := []byte("0123456789abcdef")
	for _, test := range []struct{ binding, want []byte }{
		{nil, append([]byte{16, 0, 0, 0}, append(make([]byte, 16), 0x2e, 0, 0, 0)...)},
		{binding, append([]byte{16, 0, 0, 0}, append(bytes.Clone(binding), 0x2e, 0, 0, 0)...)},
	} {
		if got := contextChecksum(test.binding); !bytes.Equal(got, test.want) {
			t.Errorf("checksum %x, want %x", got, test.want)
		}
	}
	if !bytes.Equal(auth.Cksum.Checksum, contextChecksum(nil)) {
		t.Errorf("checksum %x", auth.Cksum.Checksum)
	}
}

// FuzzReply starts from replies that the key's owner made, but for another token, so
// nothing may pass.
func FuzzReply(f *testing.F) {
	c := testContext(f)
	f.Add(reply(f, c.key, sent.Add(time.Second)))
	f.Add(errorToken(f, errorcode.KRB_AP_ERR_SKEW))
	f.Add(c.Token())
	f.Fuzz(func(t *testing.T, token []byte) {
		if c.Verify(token) == nil {
			t.Errorf("%x is taken for a proof", token)
		}
	})
}

// FuzzKDC has a KDC, or who pretends to be one, answer anything.
func FuzzKDC(f *testing.F) {
	e := messages.NewKRBError(types.NewPrincipalName(1, "krbtgt/EBB.TEST"), "EBB.TEST", errorcode.KDC_ERR_PREAUTH_REQUIRED, "")
	e.EData = []byte{0x30, 0x0a, 0x30, 0x08, 0xa1, 0x03, 0x02, 0x01, 0x02, 0xa2, 0x01, 0x04}
	message, err := e.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(message)
	f.Add([]byte{0x6b, 0x03, 0x30, 0x01, 0x00})
	conf, err := newRealmConfig(&section{}, "krb5.conf")
	if err != nil {
		f.Fatal(err)
	}
	l := &login{who: principal{types.NewPrincipalName(1, "alice"), "EBB.TEST"}, password: "x"}
	f.Fuzz(func(t *testing.T, answer []byte) {
		req := conf.loginRequest(l.who, conf.loginTypes, sent)
		if tkt, err := conf.loginReply(answer, &req, l, types.ETypeInfo2Entry{}, sent); err == nil {
			t.Errorf("%x is taken for a ticket of %s", answer, tkt.client)
		}
		if e, ok := kdcError(answer); ok {
			if loginError(e, l.who, false, sent) == nil {
				t.Error("an error that is none")
			}
			if info, err := preauthentication(e.EData, conf.loginTypes); err == nil {
				_, _ = l.key(info)
			}
		}
	})
}
