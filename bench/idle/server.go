//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The server's ports: HTTP with each congestion control that a sender may use, and UDP that comes back as it went.
var ports = map[string]int{"cubic": 8001, "bbr": 8002}

const echoPort = 7

// server is an HTTP server with files of any size: /bytes/N has N bytes, and comes as fast as the line takes it; /bursts/N and
// /stalls/N do not. What is put to /sink is counted.
type server struct {
	http []*http.Server
	echo net.PacketConn
	sunk [clients]atomic.Int64 // bytes that came to /sink, by who sent them
}

// url is that of a file of so many bytes, sent with a congestion control.
func url(congestion string, size int64) string {
	return fileURL(serverIP, congestion, "bytes", size)
}

// sinkAddr and sinkURL are where uploads go.
func sinkAddr() string { return fmt.Sprintf("%s:%d", serverIP, ports["cubic"]) }
func sinkURL() string  { return "http://" + sinkAddr() + "/sink" }

func fileURL(host, congestion, kind string, size int64) string {
	return fmt.Sprintf("http://%s:%d/%s/%d", host, ports[congestion], kind, size)
}

func startServer(ctx context.Context, n *namespace, p path) (*server, error) {
	s := &server{}
	content := newContent()
	serve := func(supply func() supply) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			size, err := strconv.ParseInt(r.PathValue("size"), 10, 64)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			w.Header().Set("ETag", `"`+r.PathValue("size")+`"`)
			w.Header().Set("Content-Type", "application/octet-stream")
			http.ServeContent(w, r, "", time.Time{}, &reader{ctx: r.Context(), content: content, size: size, supply: supply()})
		}
	}
	handler := http.NewServeMux()
	handler.HandleFunc("GET /bytes/{size}", serve(func() supply { return endless }))
	handler.HandleFunc("GET /bursts/{size}", serve(func() supply { return inBursts(p) }))
	handler.HandleFunc("GET /stalls/{size}", serve(func() supply { return withStalls }))
	handler.HandleFunc("PUT /sink", s.sink)
	for congestion, port := range ports {
		l, err := listen(ctx, n, congestion, port)
		if err != nil {
			return nil, errors.Join(err, s.close())
		}
		h := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
		s.http = append(s.http, h)
		go func() { _ = h.Serve(l) }() // until close
	}
	err := n.Do(func() (err error) {
		s.echo, err = new(net.ListenConfig).ListenPacket(ctx, "udp4", fmt.Sprintf("%s:%d", serverIP, echoPort))
		return err
	})
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	go answer(s.echo) // until close
	return s, nil
}

// sink takes what is uploaded.
func (s *server) sink(w http.ResponseWriter, r *http.Request) {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err == nil {
		client := int(from.Addr().As4()[2]) - 1 // see clientAddr
		_, err = io.CopyBuffer(&counter{&s.sunk[client]}, r.Body, make([]byte, 256<<10))
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest) // nobody waits for it
	}
}

// sendingWith has sockets send with a congestion control.
func sendingWith(congestion string) func(_, _ string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptString(int(fd), unix.IPPROTO_TCP, unix.TCP_CONGESTION, congestion)
		})
		if failed != nil {
			failed = fmt.Errorf("congestion control %s (its module must be there): %w", congestion, failed)
		}
		return errors.Join(err, failed)
	}
}

// listen opens a port whose connections send with a congestion control.
func listen(ctx context.Context, n *namespace, congestion string, port int) (l net.Listener, err error) {
	config := net.ListenConfig{Control: sendingWith(congestion)}
	err = n.Do(func() error {
		l, err = config.Listen(ctx, "tcp4", fmt.Sprintf(":%d", port))
		return err
	})
	return l, err
}

func answer(c net.PacketConn) {
	b := make([]byte, 2048)
	for {
		n, from, err := c.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = c.WriteTo(b[:n], from) // what does not arrive is a lost probe
	}
}

func (s *server) close() error {
	var err error
	for _, h := range s.http {
		err = errors.Join(err, h.Close())
	}
	if s.echo != nil {
		err = errors.Join(err, s.echo.Close())
	}
	return err
}

// newContent makes what all files repeat.
func newContent() []byte {
	b := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(b) // it cannot fail
	return b
}

// reader reads one file.
type reader struct {
	ctx     context.Context
	supply  supply
	content []byte
	size    int64
	at      int64
}

func (r *reader) Read(b []byte) (int, error) {
	if r.at >= r.size {
		return 0, io.EOF
	}
	n, err := r.supply(r.ctx, len(b))
	if err != nil {
		return 0, err
	}
	b = b[:n]
	from := r.content[r.at%int64(len(r.content)):]
	n = copy(b, from[:min(int64(len(from)), r.size-r.at)])
	r.at += int64(n)
	return n, nil
}

func (r *reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += r.at
	case io.SeekEnd:
		offset += r.size
	}
	if offset < 0 {
		return 0, errors.New("before the beginning of the file")
	}
	r.at = offset
	return offset, nil
}
