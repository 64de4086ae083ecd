package ebbtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"testing"
)

func get(t *testing.T, srv *Server, rng string) (*http.Response, []byte, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if rng != "" {
		req.Header.Set("Range", rng)
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// TestGenerate reads at every alignment and compares with the bytes of one whole read.
func TestGenerate(t *testing.T) {
	t.Parallel()
	whole, err := io.ReadAll(Generate(7, 1000))
	if err != nil || len(whole) != 1000 {
		t.Fatalf("read %d bytes, error %v", len(whole), err)
	}
	for off := range 20 {
		for n := range 20 {
			p := make([]byte, n)
			if _, err := Generate(7, 1000).ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, whole[off:off+n]) {
				t.Fatalf("ReadAt(%d bytes, %d) = %x, %v, want %x", n, off, p, err, whole[off:off+n])
			}
		}
	}
	if other, _ := io.ReadAll(Generate(8, 1000)); bytes.Equal(whole, other) {
		t.Error("another seed gives the same file")
	}
}

func TestServerWithoutFaults(t *testing.T) {
	t.Parallel()
	srv := NewServer(t, Size(100_000), Redirects(2, 302))
	_, body, err := get(t, srv, "")
	if sum := sha256.Sum256(body); err != nil || hex.EncodeToString(sum[:]) != srv.SHA256() {
		t.Errorf("%d bytes, error %v: not the file", len(body), err)
	}
	resp, part, err := get(t, srv, "bytes=99000-")
	if err != nil || resp.StatusCode != http.StatusPartialContent || !bytes.Equal(part, body[99000:]) ||
		resp.Header.Get("Content-Range") != "bytes 99000-99999/100000" {
		t.Errorf("status %d, %q, %d bytes, error %v", resp.StatusCode, resp.Header.Get("Content-Range"), len(part), err)
	}
	if resp, _, _ := get(t, srv, "bytes=100000-"); resp.StatusCode != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("status %d behind the end", resp.StatusCode)
	}
	if all := srv.Requests(); len(all) != 9 || all[5].Sent != 1000 || all[5].Range != "bytes=99000-" {
		t.Errorf("requests: %+v", all)
	}
}

func TestServerFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		option Option
		status int
		bytes  int
		broken bool
	}{
		{"no range", NoRange(), 200, 1000, false},
		{"chunked", Chunked(), 206, 900, false},
		{"no length", NoLength(), 206, 900, false},
		{"cut", CutEvery(10), 206, 10, true},
		{"reset", func(s *script) { CutEvery(0)(s); Reset()(s) }, 206, 0, true},
		{"lie", LieLength(5), 206, 900, true},
		{"pieces", Pieces(100), 206, 100, false},
		{"wrong range", WrongRange(100), 206, 800, false},
		{"status", Status(503), 503, 20, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			srv := NewServer(t, Size(1000), tt.option)
			resp, body, err := get(t, srv, "bytes=100-")
			if resp.StatusCode != tt.status || len(body) != tt.bytes || (err != nil) != tt.broken {
				t.Errorf("status %d, %d bytes, error %v", resp.StatusCode, len(body), err)
			}
		})
	}
}

func TestServerChangesAndRestarts(t *testing.T) {
	t.Parallel()
	srv := NewServer(t, Size(1000), ChangeAfter(1))
	before, _, _ := get(t, srv, "")
	sum := srv.SHA256()
	after, _, _ := get(t, srv, "")
	if before.Header.Get("ETag") == after.Header.Get("ETag") || sum == srv.SHA256() {
		t.Error("the file did not change")
	}
	srv.Down()
	if resp, err := http.Get(srv.URL); err == nil {
		resp.Body.Close()
		t.Error("answers while down")
	}
	srv.Up()
	if resp, _, err := get(t, srv, ""); err != nil || resp.StatusCode != 200 {
		t.Errorf("after a restart: status %d, error %v", resp.StatusCode, err)
	}
}
