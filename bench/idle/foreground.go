//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// user is what somebody does with the line who does not know of the background transfer.
type user struct {
	host *namespace
	got  atomic.Int64 // bytes of bodies
	sunk func() int64 // bytes that the server has had of it, where greedy flows are uploads; nil where they are not
}

// transport makes connections of the user's host. They are numeric, so that they are made in the thread that asks for them.
func (u *user) transport() *http.Transport {
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			return u.host.dial(ctx, network, address)
		},
		MaxConnsPerHost:    pageConnections,
		DisableCompression: true,
	}
}

// huge is a file that no greedy flow ever gets to the end of.
const huge = 1 << 40

// greedy transfers as fast as it can for some time and returns how many bytes came.
func (u *user) greedy(ctx context.Context, congestion string, d time.Duration) (int64, error) {
	if u.sunk != nil {
		return u.pour(ctx, congestion, d)
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	t := u.transport()
	defer t.CloseIdleConnections()
	n, err := u.fetch(ctx, t, url(congestion, huge))
	if errors.Is(err, context.DeadlineExceeded) {
		return n, nil
	}
	return n, fmt.Errorf("greedy flow: %w", err)
}

// pour uploads as fast as it can for some time and returns how many bytes have come to the server.
func (u *user) pour(ctx context.Context, congestion string, d time.Duration) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	before := u.sunk()
	c, err := u.host.dialBy(ctx, &net.Dialer{Control: sendingWith(congestion)}, "tcp4", sinkAddr())
	if err == nil {
		defer context.AfterFunc(ctx, func() { _ = c.Close() })()
		err = upload(c, func(n int) (int, error) { return n, nil })
	}
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return 0, fmt.Errorf("greedy flow: %w", errors.Join(ctx.Err(), err))
	}
	return u.sunk() - before, nil
}

// fetch returns how many bytes of a body came.
func (u *user) fetch(ctx context.Context, t http.RoundTripper, url string) (int64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	answer, err := t.RoundTrip(r)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("%s: %s", url, answer.Status)
	}
	return io.CopyBuffer(&counter{&u.got}, answer.Body, make([]byte, 256<<10))
}

// counter counts what is written to it.
type counter struct{ n *atomic.Int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return len(b), nil
}

// A small request is a new connection and a file of 1 KiB. They begin at fixed times, whether or not earlier ones have ended.
const (
	requestSize  = 1 << 10
	requestEvery = 100 * time.Millisecond
)

// requests makes small requests for some time and returns how long each took.
func (u *user) requests(ctx context.Context, d time.Duration) ([]time.Duration, error) {
	took := make([]time.Duration, int(d/requestEvery))
	errs := make([]error, len(took))
	var all sync.WaitGroup
	tick := time.NewTicker(requestEvery)
	defer tick.Stop()
	for i := range took {
		all.Go(func() { took[i], errs[i] = u.request(ctx) })
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	all.Wait()
	return took, first(errs)
}

func (u *user) request(ctx context.Context) (time.Duration, error) {
	t := u.transport()
	defer t.CloseIdleConnections()
	began := time.Now()
	if _, err := u.fetch(ctx, t, url("cubic", requestSize)); err != nil {
		return 0, fmt.Errorf("small request: %w", err)
	}
	return time.Since(began), nil
}

// A page is a document and then 80 objects of 2 to 60 KB, 1.7 MB together, over six connections as browsers use them.
const (
	pageConnections = 6
	pageObjects     = 80
	documentSize    = 60_000
)

// objectSize is that of the i-th object of a page: many are small, some are not.
func objectSize(i int) int64 {
	return 2000 + int64(i*i*i)*58_000/int64(pageObjects*pageObjects*pageObjects)
}

// page loads a page and returns how long that took.
func (u *user) page(ctx context.Context) (time.Duration, error) {
	t := u.transport()
	defer t.CloseIdleConnections()
	began := time.Now()
	if _, err := u.fetch(ctx, t, url("cubic", documentSize)); err != nil {
		return 0, fmt.Errorf("page: %w", err)
	}
	errs := make([]error, pageObjects)
	var all sync.WaitGroup
	for i := range errs {
		all.Go(func() { _, errs[i] = u.fetch(ctx, t, url("cubic", objectSize(i*37%pageObjects))) })
	}
	all.Wait()
	return time.Since(began), first(errs)
}

// first returns one of many errors that are likely to be all the same.
func first(errs []error) error {
	i := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if i < 0 {
		return nil
	}
	return errs[i]
}
