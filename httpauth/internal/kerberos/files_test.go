package kerberos

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// field returns b with its length in 32 bits before it.
func field(b string) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...) }

func shortField(b string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...)
}

func join(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

// cachePrincipal and cacheEntry write MIT's ticket cache, version 4.
func cachePrincipal(realm string, names ...string) []byte {
	b := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 1}, uint32(len(names)))
	b = append(b, field(realm)...)
	for _, n := range names {
		b = append(b, field(n)...)
	}
	return b
}

func cacheEntry(t testing.TB, end time.Time, realm string, service ...string) []byte {
	t.Helper()
	raw := messages.Ticket{TktVNO: 5, Realm: realm, SName: types.PrincipalName{NameType: 2, NameString: service}, EncPart: types.EncryptedData{EType: 18, Cipher: []byte("opaque")}}
	ticket, err := raw.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return join(
		cachePrincipal("EBB.TEST", "alice"), cachePrincipal(realm, service...),
		[]byte{0, 18}, field("0123456789abcdef0123456789abcdef"),
		[]byte{0, 0, 0, 9, 0, 0, 0, 0}, binary.BigEndian.AppendUint32(nil, uint32(end.Unix())), []byte{0, 0, 0, 0},
		[]byte{0}, make([]byte, 4+4+4), field(string(ticket)), field(""),
	)
}

func testCacheHead() []byte {
	return append([]byte{5, 4, 0, 12, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0}, cachePrincipal("EBB.TEST", "alice")...)
}

func testCache(t testing.TB) []byte {
	t.Helper()
	return join(
		testCacheHead(),
		cacheEntry(t, time.Unix(1000, 0), "EBB.TEST", "krbtgt", "EBB.TEST"),
		cacheEntry(t, time.Unix(3000, 0), "EBB.TEST", "krbtgt", "EBB.TEST"),
		cacheEntry(t, time.Unix(2000, 0), "EBB.TEST", "krbtgt", "EBB.TEST"),
		cacheEntry(t, time.Unix(9000, 0), "EBB.TEST", "krbtgt", "OTHER.TEST"),
		cacheEntry(t, time.Unix(9000, 0), "X-CACHECONF:", "krb5_ccache_conf_data", "pa_type"),
		cacheEntry(t, time.Unix(2500, 0), "EBB.TEST", "HTTP", "localhost"),
	)
}

func TestParseCCache(t *testing.T) {
	t.Parallel()
	file := testCache(t)
	w, err := parseCCache(file)
	if err != nil {
		t.Fatal(err)
	}
	if w.tgt.end.Unix() != 3000 || w.tgt.start.Unix() != 9 || w.tgt.client.String() != "alice@EBB.TEST" {
		t.Errorf("TGT %+v", w.tgt)
	}
	for _, name := range []string{"HTTP/localhost", "HTTP/localhost@EBB.TEST"} {
		if s := w.services[name]; s == nil || s.end.Unix() != 2500 || len(s.key.KeyValue) != 32 {
			t.Errorf("%s: %+v", name, s)
		}
	}
	if len(w.services) != 2 {
		t.Errorf("%d services", len(w.services))
	}
	for n := range len(testCacheHead()) + len(cacheEntry(t, time.Unix(1000, 0), "EBB.TEST", "krbtgt", "EBB.TEST")) {
		if w, err := parseCCache(file[:n]); err == nil {
			t.Errorf("the first %d bytes are a cache: %+v", n, w)
		}
	}
}

// keytabRecord writes an entry of MIT's keytab, version 2.
func keytabRecord(realm, user string, version byte, kind byte, key string) []byte {
	e := join([]byte{0, 1}, shortField(realm), shortField(user), []byte{0, 0, 0, 1}, make([]byte, 4), []byte{version, 0, kind}, shortField(key))
	return field(string(e))
}

func testKeytab() []byte {
	hole := append(binary.BigEndian.AppendUint32(nil, ^uint32(7)+1), make([]byte, 7)...) // -7
	return join(
		[]byte{5, 2},
		keytabRecord("EBB.TEST", "alice", 2, 18, "new"), hole,
		keytabRecord("EBB.TEST", "alice", 1, 18, "old"),
		keytabRecord("EBB.TEST", "alice", 1, 17, "small"),
		keytabRecord("OTHER", "alice", 3, 18, "other"),
	)
}

func TestParseKeytab(t *testing.T) {
	t.Parallel()
	k, err := parseKeytab(testKeytab())
	if err != nil || len(k) != 4 {
		t.Fatalf("%d keys, %v", len(k), err)
	}
	alice := principal{types.NewPrincipalName(1, "alice"), "EBB.TEST"}
	for kind, want := range map[int32]string{18: "new", 17: "small", 20: ""} {
		if got, err := k.keyFor(alice, kind); string(got.KeyValue) != want || (err == nil) != (want != "") {
			t.Errorf("key of type %d: %q, %v; want %q", kind, got.KeyValue, err, want)
		}
	}
	if got := k.types(alice, supportedTypes); len(got) != 2 || got[0] != 18 || got[1] != 17 {
		t.Errorf("types %v", got)
	}
	for n := range testKeytab()[:100] {
		if k, err := parseKeytab(testKeytab()[:n]); err == nil && n < 20 {
			t.Errorf("the first %d bytes are a keytab of %d keys", n, len(k))
		}
	}
}

func FuzzCCache(f *testing.F) {
	f.Add(testCache(f)[:300])
	f.Add([]byte{5, 3, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, file []byte) {
		if w, err := parseCCache(file); (w == nil) == (err == nil) || w != nil && w.tgt == nil {
			t.Errorf("%+v, %v", w, err)
		}
	})
}

func FuzzKeytab(f *testing.F) {
	f.Add(testKeytab())
	f.Add([]byte{5, 2, 0x80, 0, 0, 0})
	f.Fuzz(func(t *testing.T, file []byte) {
		if k, err := parseKeytab(file); err == nil && len(k) == 0 {
			t.Errorf("%d keys, %v", len(k), err)
		}
	})
}
