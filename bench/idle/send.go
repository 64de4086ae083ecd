//go:build linux

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/ebb-transfer/ebb/internal/pace/idle"
)

// senders are the ways to upload in the background. ebb itself has no uploads yet: what paces its jobs is here in a program that sends.
func senders() []contestant {
	return []contestant{
		{"curl", func(_ context.Context, l load) (*background, error) { return startPut(l) }},
		{"curl at 50 %", func(_ context.Context, l load) (*background, error) {
			return startPut(l, "--limit-rate", fmt.Sprint(int64(l.path.capacity()/2)))
		}},
		{"ebb's pacing", func(_ context.Context, l load) (*background, error) {
			return startProcess(l.host, l.dir, "/proc/self/exe", sendCommand)
		}},
	}
}

// startPut has curl upload a file that takes no space.
func startPut(l load, args ...string) (*background, error) {
	file := filepath.Join(l.dir, "file")
	f, err := os.Create(file)
	if err == nil {
		err = f.Truncate(huge)
		_ = f.Close()
	}
	if err != nil {
		return nil, err
	}
	return startProcess(l.host, l.dir, append([]string{"curl", "-q", "-s", "-S", "--fail", "-T", file, sinkURL()}, args...)...)
}

// sendCommand is the argument that makes this program one that sends in the background, until it is told to end.
const sendCommand = "send"

func send() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	m := idle.New(slog.New(slog.DiscardHandler))
	go m.Run(ctx)
	c, err := new(net.Dialer).DialContext(ctx, "tcp4", sinkAddr())
	if err != nil {
		return err
	}
	s := m.Flow(1).Send(c)
	defer s.Close()
	return upload(c, func(n int) (int, error) { return s.Room(ctx, n) })
}

// upload puts a file without end to the sink, as fast as there is room, until that or the connection fails.
func upload(c net.Conn, room func(n int) (int, error)) error {
	if _, err := fmt.Fprintf(c, "PUT /sink HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n", serverIP, int64(huge)); err != nil {
		return err
	}
	for part := make([]byte, 64<<10); ; {
		n, err := room(len(part))
		if err == nil {
			_, err = c.Write(part[:n])
		}
		if err != nil {
			return err
		}
	}
}
