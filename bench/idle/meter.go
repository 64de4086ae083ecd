//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// sampleEvery is how often the counters of the interfaces are read.
const sampleEvery = 20 * time.Millisecond

// meter follows how many bytes have come to each client or, of uploads, from each of them, as they were on the wire.
type meter struct {
	began time.Time
	files [clients]*os.File
	here  *user                  // who is on the machine of the background, too; nil for nobody
	sunk  *[clients]atomic.Int64 // what has come of uploads; nil where they do not matter

	mu     sync.Mutex // guards series
	series [clients]series

	stop func()
}

// startMeter reads the counters until stop is called.
func startMeter(ctx context.Context, b *bed, u *user, s *server) (*meter, error) {
	m := &meter{began: time.Now()}
	if b.path.Up {
		m.sunk = &s.sunk
	}
	if b.path.Here {
		m.here = u
	}
	for i, host := range b.clients {
		err := host.Do(func() (err error) {
			m.files[i], err = os.Open("/proc/thread-self/net/dev") // it stays that of this namespace
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var loop sync.WaitGroup
	loop.Go(func() { m.loop(ctx) })
	m.stop = func() {
		cancel()
		loop.Wait()
		for _, f := range m.files {
			_ = f.Close()
		}
	}
	return m, m.read()
}

func (m *meter) loop(ctx context.Context) {
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if m.read() != nil {
			return
		}
	}
}

// now is the time of the series.
func (m *meter) now() time.Duration { return time.Since(m.began) }

func (m *meter) read() error {
	var counts [clients]int64
	for i, f := range m.files {
		n, err := received(f, "wan")
		if err != nil {
			return err
		}
		counts[i] = n
	}
	if m.here != nil {
		// The interface tells only of both together.
		counts[person] = m.here.got.Load() * (mtu + 14) / segment
		counts[machine] -= counts[person]
	}
	if m.sunk != nil {
		for i := range counts {
			counts[i] = m.sunk[i].Load() * (mtu + 14) / segment
		}
	}
	at := m.now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, n := range counts {
		m.series[i] = append(m.series[i], sample{At: at, Bytes: n})
	}
	return nil
}

// of returns what has come to a client so far.
func (m *meter) of(client int) series {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.series[client]
}

// received is how many bytes an interface has received, with their Ethernet headers.
func received(dev *os.File, device string) (int64, error) {
	var text [4096]byte
	n, err := dev.ReadAt(text[:], 0)
	if n == 0 {
		return 0, err
	}
	_, after, found := bytes.Cut(text[:n], []byte(device+":"))
	if !found {
		return 0, fmt.Errorf("no interface %s", device)
	}
	return strconv.ParseInt(string(bytes.Fields(after)[0]), 10, 64)
}

// probeEvery is how often a small UDP packet goes through the bottleneck.
const probeEvery = 20 * time.Millisecond

// echo is the fate of a probe.
type echo struct {
	At   time.Duration // when it was sent
	Took time.Duration // until it was back; 0: it was lost
}

// prober sees how long small packets take from a client to the server and back.
type prober struct {
	mu     sync.Mutex // guards echoes
	echoes []echo
	stop   func()
}

func startProber(ctx context.Context, host *namespace, clock func() time.Duration) (*prober, error) {
	c, err := host.dial(ctx, "udp4", fmt.Sprintf("%s:%d", serverIP, echoPort))
	if err != nil {
		return nil, err
	}
	p := &prober{}
	ctx, cancel := context.WithCancel(ctx)
	var loops sync.WaitGroup
	loops.Go(func() { p.send(ctx, c, clock) })
	loops.Go(func() { p.receive(c, clock) })
	p.stop = func() {
		cancel()
		_ = c.Close() // this ends the receiver
		loops.Wait()
	}
	return p, nil
}

func (p *prober) send(ctx context.Context, c net.Conn, clock func() time.Duration) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for n := uint64(0); ; n++ {
		p.mu.Lock()
		p.echoes = append(p.echoes, echo{At: clock()})
		p.mu.Unlock()
		_, _ = c.Write(binary.BigEndian.AppendUint64(nil, n)) // what cannot be sent is lost
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *prober) receive(c net.Conn, clock func() time.Duration) {
	b := make([]byte, 64)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		at := clock()
		p.mu.Lock()
		if i := binary.BigEndian.Uint64(b[:n]); i < uint64(len(p.echoes)) {
			p.echoes[i].Took = at - p.echoes[i].At
		}
		p.mu.Unlock()
	}
}

// seen returns the probes sent up to some time ago, whose fate is known by now.
func (p *prober) seen() []echo {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]echo(nil), p.echoes...)
}
