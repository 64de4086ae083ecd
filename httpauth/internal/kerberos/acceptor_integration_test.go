//go:build integration

package kerberos

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/messages"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// acceptorScript is MIT's acceptor. Each line it reads is a token and the data of a
// channel binding ("-" for none), in base64; each line it writes is "accept", the
// client's name, the context's flags and the reply, or "reject", the reason and the
// reply ("-" for none).
const acceptorScript = `
import base64, sys
from gssapi import raw
for line in sys.stdin:
    token, binding = line.split()
    bindings = None
    if binding != "-":
        bindings = raw.ChannelBindings(application_data=base64.b64decode(binding))
    try:
        r = raw.accept_sec_context(base64.b64decode(token), channel_bindings=bindings)
        what, who, flags, reply = "accept", raw.display_name(r.initiator_name, False).name.decode(), sum(map(int, r.flags)), r.token
    except raw.GSSError as e:
        what, who, flags, reply = "reject", "_".join(str(e).split()), 0, e.token
    print(what, who, flags, base64.b64encode(reply or b"").decode() or "-", flush=True)
`

type acceptor struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

// newAcceptor starts an acceptor for the realm's services. It ends with the test.
func newAcceptor(t *testing.T, r *rig.Realm) *acceptor {
	t.Helper()
	const python = "/usr/bin/python3" // the one that the package python3-gssapi is for
	if out, err := exec.Command(python, "-c", "import gssapi").CombinedOutput(); err != nil {
		if os.Getenv("EBB_CI") == "1" || os.Getenv("CI") == "true" {
			t.Fatalf("python3-gssapi is not installed: %s", out)
		}
		t.Skip("python3-gssapi is not installed: run `make install-test-deps` as root")
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", acceptorScript)
	cmd.Env = []string{
		"PATH=/usr/bin:/bin", "LANG=C.UTF-8", "KRB5_CONFIG=" + r.ConfigFile, "KRB5_KTNAME=" + r.Keytab,
		"KRB5RCACHENAME=dfl:", "KRB5RCACHEDIR=" + t.TempDir(),
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
		if complaints.Len() > 0 {
			t.Errorf("the acceptor: %s", &complaints)
		}
	})
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	return &acceptor{t, in, lines}
}

// A decision is what the acceptor said.
type decision struct {
	accepted bool
	who      string // the client, or the reason
	flags    int
	reply    []byte
}

func (a *acceptor) step(token, binding []byte) decision {
	a.t.Helper()
	data := "-"
	if binding != nil {
		data = base64.StdEncoding.EncodeToString(binding)
	}
	fmt.Fprintf(a.in, "%s %s\n", base64.StdEncoding.EncodeToString(token), data)
	if !a.out.Scan() {
		a.t.Fatalf("the acceptor ended: %v", a.out.Err())
	}
	f := strings.Fields(a.out.Text())
	d := decision{accepted: f[0] == "accept", who: f[1]}
	if _, err := fmt.Sscan(f[2], &d.flags); err != nil {
		a.t.Fatal(err)
	}
	d.reply, _ = base64.StdEncoding.DecodeString(f[3])
	return d
}

// bindingOf returns the MD5 of gss_channel_bindings with no addresses (RFC 4121
// section 4.1.1.2).
func bindingOf(data []byte) []byte {
	sum := md5.Sum(append(binary.LittleEndian.AppendUint32(make([]byte, 16), uint32(len(data))), data...))
	return sum[:]
}

func TestAcceptor(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	a := newAcceptor(t, r)
	id := New(Config{ConfigFile: r.ConfigFile, User: "alice", Password: rig.Alice.Password, UID: -1})
	right, wrong := []byte("tls-server-end-point:right"), []byte("tls-server-end-point:wrong")
	for _, test := range []struct {
		name, service string
		ours          []byte // data of our binding
		theirs        []byte
		accepted      bool
	}{
		{"no binding", rig.ServiceLocalhost, nil, nil, true},
		{"the second service", rig.ServiceWeb, nil, nil, true},
		{"with a realm", rig.ServiceWeb + "@EBB.TEST", nil, nil, true},
		{"in capitals", "HTTP/LOCALHOST", nil, nil, true},
		{"the same binding", rig.ServiceLocalhost, right, right, true},
		{"another binding", rig.ServiceLocalhost, wrong, right, false},
		{"a binding that the acceptor does not ask for", rig.ServiceLocalhost, right, nil, true},
	} {
		var binding []byte
		if test.ours != nil {
			binding = bindingOf(test.ours)
		}
		c, err := id.Initiate(t.Context(), test.service, binding)
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		d := a.step(c.Token(), test.theirs)
		if d.accepted != test.accepted {
			t.Errorf("%s: accepted: %t, want %t: %s", test.name, d.accepted, test.accepted, d.who)
			continue
		}
		if !d.accepted {
			if err := c.Verify(d.reply); err == nil {
				t.Errorf("%s: the rejection passes for a proof", test.name)
			}
			continue
		}
		const bound = 2048 // GSS_C_CHANNEL_BOUND_FLAG, added when the bindings are equal
		wantBound := test.ours != nil && test.theirs != nil
		if d.who != "alice@EBB.TEST" || d.flags&contextFlags != contextFlags || d.flags&1 != 0 || (d.flags&bound != 0) != wantBound {
			t.Errorf("%s: accepted %s with flags %#x", test.name, d.who, d.flags)
		}
		if err := c.Verify(d.reply); err != nil {
			t.Errorf("%s: the acceptor's reply: %v", test.name, err)
		}
		if d := a.step(c.Token(), test.theirs); d.accepted {
			t.Errorf("%s: the token is accepted twice", test.name)
		}
	}
}

func TestAcceptorReplyChanged(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	a := newAcceptor(t, r)
	id := New(Config{ConfigFile: r.ConfigFile, CCache: r.CCache(t, rig.Bob, time.Hour), UID: -1})
	initiate := func() *Context {
		c, err := id.Initiate(t.Context(), rig.ServiceLocalhost, nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c, other := initiate(), initiate()
	reply := a.step(c.Token(), nil).reply
	if err := c.Verify(reply); err != nil {
		t.Fatal(err)
	}
	if err := other.Verify(reply); !errors.Is(err, ErrNotProven) {
		t.Errorf("a reply to another token of the same ticket: %v", err)
	}
	var rep messages.APRep
	if _, message, err := unwrapToken(reply); err != nil || rep.Unmarshal(message) != nil {
		t.Fatal("the acceptor's reply is not an AP-REP")
	}
	for i := len(reply) - len(rep.EncPart.Cipher); i < len(reply); i++ {
		changed := append([]byte(nil), reply...)
		changed[i] ^= 1
		if err := c.Verify(changed); err == nil {
			t.Errorf("byte %d (%#x) of the reply can be changed", i, reply[i])
		}
	}
	for i := range reply {
		if err := c.Verify(reply[:i]); !errors.Is(err, ErrNotProven) {
			t.Errorf("the first %d bytes of the reply: %v", i, err)
		}
	}
}

// Every encryption type, for the password's key, the ticket and the session.
func TestEncryptionTypes(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	kinds := []string{"aes256-cts-hmac-sha1-96", "aes128-cts-hmac-sha1-96", "aes256-cts-hmac-sha384-192", "aes128-cts-hmac-sha256-128", "arcfour-hmac"}
	for _, kind := range kinds {
		service := "HTTP/" + kind + ".ebb.test"
		r.Admin("addprinc", "-randkey", "-e", kind+":normal", service)
		r.Admin("ktadd", "-norandkey", "-k", r.Keytab, service)
	}
	r.AddConfig("[libdefaults]\nallow_rc4 = true")
	r.Restart()
	a := newAcceptor(t, r)
	for _, kind := range kinds {
		conf := configWith(t, r, "[libdefaults]\npermitted_enctypes = "+kind+"\n")
		for _, config := range []Config{
			{ConfigFile: conf, User: "alice", Password: rig.Alice.Password},
			{ConfigFile: conf, User: "alice", Keytab: r.UserKeytab},
		} {
			c, err := New(config).Initiate(t.Context(), "HTTP/"+kind+".ebb.test", bindingOf([]byte("x")))
			if err != nil {
				t.Errorf("%s: %v", kind, err)
				continue
			}
			d := a.step(c.Token(), []byte("x"))
			if !d.accepted {
				t.Errorf("%s: %s", kind, d.who)
			} else if err := c.Verify(d.reply); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	}
}

func TestAcceptorErrors(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	a := newAcceptor(t, r)
	id := New(Config{ConfigFile: r.ConfigFile, User: "alice", Password: rig.Alice.Password})
	if _, err := id.Initiate(t.Context(), rig.ServiceLocalhost, nil); err != nil {
		t.Fatal(err)
	}

	fast := New(id.config)
	fast.own = id.own
	fast.now = func() time.Time { return time.Now().Add(10 * time.Minute) }
	c, err := fast.Initiate(t.Context(), rig.ServiceLocalhost, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Verify(a.step(c.Token(), nil).reply); !errors.Is(err, ErrClockSkew) {
		t.Errorf("a clock that is ten minutes fast: %v", err)
	}

	// The service gets a new key. Its acceptor knows that one only; we have a ticket for the old.
	r.Admin("ktremove", "-k", r.Keytab, rig.ServiceLocalhost, "all")
	r.Admin("ktadd", "-k", r.Keytab, rig.ServiceLocalhost)
	if c, err = id.Initiate(t.Context(), rig.ServiceLocalhost, nil); err != nil {
		t.Fatal(err)
	}
	d := a.step(c.Token(), nil)
	if err := c.Verify(d.reply); d.accepted || !errors.Is(err, ErrRejected) {
		t.Errorf("a ticket for the old key: accepted: %t, %v", d.accepted, err)
	}
	if c, err = id.Initiate(t.Context(), rig.ServiceLocalhost, nil); err != nil {
		t.Fatal(err)
	}
	if d := a.step(c.Token(), nil); !d.accepted {
		t.Errorf("after the rejection there is no ticket for the new key: %s", d.who)
	}
}
