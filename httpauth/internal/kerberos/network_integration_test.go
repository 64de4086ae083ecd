//go:build integration

package kerberos

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/iana/errorcode"
	"github.com/jcmturner/gokrb5/v8/messages"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
)

// A relay stands before a KDC, for what a network does to datagrams.
type relay struct {
	addr     string
	udp, tcp atomic.Int64 // requests
}

// newRelay starts one that tells clients to use TCP for replies of more than largest
// bytes, drops datagrams when largest is negative, and has no TCP port without tcp.
func newRelay(t *testing.T, r *rig.Realm, largest int, tcp bool) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { packets.Close(); ln.Close() })
	if !tcp {
		ln.Close()
	}
	kdc := "127.0.0.1:" + strconv.Itoa(r.Port)
	l := &relay{addr: ln.Addr().String()}
	go func() { // ends when the test closes ln
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			l.tcp.Add(1)
			go forward(conn, kdc)
		}
	}()
	go func() { // ends when the test closes packets
		request := make([]byte, 64<<10)
		for {
			n, from, err := packets.ReadFrom(request)
			if err != nil {
				return
			}
			l.udp.Add(1)
			reply, _, err := askTCP(t.Context(), kdc, request[:n])
			if err != nil || largest < 0 {
				continue
			}
			if len(reply) > largest {
				e := messages.NewKRBError(granting(r.Name, r.Name).name, r.Name, errorcode.KRB_ERR_RESPONSE_TOO_BIG, "")
				reply, _ = e.Marshal()
			}
			_, _ = packets.WriteTo(reply, from)
		}
	}()
	return l
}

// forward passes one request and its reply on.
func forward(conn net.Conn, kdc string) {
	defer conn.Close()
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return
	}
	up, err := net.Dial("tcp", kdc)
	if err != nil {
		return
	}
	defer up.Close()
	_, _ = up.Write(size[:])
	_, _ = io.CopyN(up, conn, int64(binary.BigEndian.Uint32(size[:])))
	_, _ = io.Copy(conn, up)
}

func TestDatagrams(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	for _, test := range []struct {
		name     string
		limit    string // udp_preference_limit
		largest  int
		tcp      bool
		wantUDP  int64 // of three requests: two for the TGT, one for the service
		wantTCP  int64
		password string
		fails    error
	}{
		{"datagrams; TCP for the password", "1465", 64 << 10, true, 2, 1, rig.Alice.Password, nil},
		{"replies too big for a datagram", "1465", 600, true, 2, 2, rig.Alice.Password, nil},
		{"datagrams are lost", "1465", -1, true, 2, 3, rig.Alice.Password, nil},
		{"no TCP", "1465", 64 << 10, false, 3, 0, rig.Alice.Password, nil},
		{"no TCP, wrong password", "1465", 64 << 10, false, 2, 0, "wrong", ErrRefused},
		{"TCP only", "1", 64 << 10, true, 0, 3, rig.Alice.Password, nil},
		{"TCP only, none", "1", 64 << 10, false, 0, 0, rig.Alice.Password, ErrNoTicket},
		{"TCP preferred, none", "0", 64 << 10, false, 3, 0, rig.Alice.Password, nil},
	} {
		l := newRelay(t, r, test.largest, test.tcp)
		conf := writeConfig(t, "[libdefaults]\ndefault_realm = EBB.TEST\nudp_preference_limit = "+test.limit+
			"\n[realms]\nEBB.TEST = {\n kdc = "+l.addr+"\n}\n")
		_, err := client(t, New(Config{ConfigFile: conf, User: "alice", Password: test.password}))
		if !errors.Is(err, test.fails) {
			t.Errorf("%s: %v, want %v", test.name, err, test.fails)
		}
		if udp, tcp := l.udp.Load(), l.tcp.Load(); udp != test.wantUDP || tcp != test.wantTCP {
			t.Errorf("%s: %d requests by UDP and %d by TCP, want %d and %d", test.name, udp, tcp, test.wantUDP, test.wantTCP)
		}
	}
	if got := count(r, "AS_REQ", "PREAUTH_FAILED"); got != 1 {
		t.Errorf("the KDC saw %d wrong passwords, want 1", got)
	}
}

func TestKDCStopped(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	password := New(Config{ConfigFile: r.ConfigFile, User: "alice", Password: rig.Alice.Password})
	cache := New(Config{ConfigFile: r.ConfigFile, CCache: r.CCache(t, rig.Alice, time.Hour), UID: -1})
	if _, err := client(t, cache); err != nil {
		t.Fatal(err)
	}
	r.Stop()
	if _, err := client(t, password); !errors.Is(err, ErrNoTicket) || !strings.Contains(err.Error(), "EBB.TEST") {
		t.Errorf("without a KDC: %v", err)
	}
	if _, err := client(t, cache); err != nil {
		t.Errorf("a ticket that is there: %v", err)
	}
	r.Start()
	if _, err := client(t, password); err != nil {
		t.Errorf("with the KDC again: %v", err)
	}
}

// A KDC that takes connections and says nothing does not hold anyone for long.
func TestKDCSilent(t *testing.T) {
	t.Parallel()
	r := rig.KDC(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	conf := configWith(t, r, "[realms]\nEBB.TEST = {\n kdc = "+silent.Addr().String()+"\n}\n")
	alone := writeConfig(t, "[libdefaults]\ndefault_realm = EBB.TEST\n[realms]\nEBB.TEST = {\n kdc = "+silent.Addr().String()+"\n}\n")

	id := New(Config{ConfigFile: alone, User: "alice", Password: rig.Alice.Password})
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := id.Initiate(ctx, rig.ServiceLocalhost, nil); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNoTicket) {
		t.Errorf("the caller's time is over: %v", err)
	}
	id.limit = 200 * time.Millisecond
	var all sync.WaitGroup
	start := time.Now()
	for range 20 { // who waits for the same does not wait one after the other
		all.Go(func() {
			if _, err := client(t, id); !errors.Is(err, ErrNoTicket) {
				t.Errorf("our time is over: %v", err)
			}
		})
	}
	all.Wait()
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("20 callers waited %v for a KDC that is given 200 ms", took)
	}

	// Removing the credentials ends the exchange.
	id.limit = time.Minute
	ended := make(chan error)
	go func() { // ends with the exchange
		_, err := id.Initiate(t.Context(), rig.ServiceLocalhost, nil)
		ended <- err
	}()
	conn, err := silent.Accept() // it runs
	for err == nil && len(id.turn) == 0 {
		conn.Close() // of a call before
		conn, err = silent.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	start = time.Now()
	id.Close()
	if err, took := <-ended, time.Since(start); !errors.Is(err, ErrNoTicket) || took > time.Second {
		t.Errorf("Close during an exchange: %v after %v", err, took)
	}

	// The next KDC of the list is asked. The first costs what tcpLimit says, once.
	start = time.Now()
	if _, err := client(t, New(Config{ConfigFile: conf, User: "alice", Password: rig.Alice.Password})); err != nil {
		t.Errorf("the second KDC: %v", err)
	}
	if took := time.Since(start); took > tcpLimit*3/2 {
		t.Errorf("the silent KDC was asked again: %v", took)
	}
}
