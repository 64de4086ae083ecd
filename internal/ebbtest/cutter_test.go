package ebbtest_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
)

// TestCutter: the client gets every byte up to the cut, the end of all connections with it, and is served again.
func TestCutter(t *testing.T) {
	t.Parallel()
	const size, after = 1 << 20, 600_000
	srv := ebbtest.NewServer(t, ebbtest.Size(size))
	_, path, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), "/")
	c := ebbtest.NewCutter(t, strings.TrimPrefix(strings.TrimSuffix(srv.URL, "/"+path), "http://"), after)
	url := "http://" + c.Addr + "/" + path
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	read := func(from int) (int64, error) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		return io.Copy(io.Discard, resp.Body)
	}
	n, err := read(0)
	if !errors.Is(err, io.ErrUnexpectedEOF) || !c.Cut() || c.Received() != after {
		t.Fatalf("%d bytes, %v; cut=%v after %d, want %d", n, err, c.Cut(), c.Received(), after)
	}
	if header := after - n; header < 1 || header > 1000 {
		t.Errorf("%d bytes of the body came before the cut", n)
	}
	rest, err := read(int(n))
	if err != nil || n+rest != size {
		t.Errorf("%d and %d bytes, %v; want %d together", n, rest, err, size)
	}
	c.Close()
	if got := c.Received() - size; got < 2 || got > 2000 {
		t.Errorf("%d bytes of headers came, beside the file", got)
	}
	if ports := c.Ports(); len(ports) != 2 || ports[0] == ports[1] {
		t.Errorf("ports %v, want two", ports)
	}
}
