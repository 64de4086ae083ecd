package engine

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/ebb-transfer/ebb/internal/ebbtest"
	"github.com/ebb-transfer/ebb/job"
)

// TestOtherLengthIsAnotherVersion: a server that keeps its ETag and date but has a file of another length
// has another file.
func TestOtherLengthIsAnotherVersion(t *testing.T) {
	for name, size := range map[string]int64{"longer": 6 << 20, "shorter": 3 << 20, "just what is here": 2 << 20} {
		t.Run(name, func(t *testing.T) {
			srv := ebbtest.NewServer(t, ebbtest.Size(4<<20), ebbtest.CutAfter(2<<20),
				ebbtest.ChangeAfter(1, ebbtest.Seed(2), ebbtest.Size(size)))
			b := newBench(t)
			spec := b.download(srv.URL)
			spec.AutoComplete = true
			b.until(b.create(spec).ID, job.Acknowledged)
			if sum := sumOf(t, filepath.Join(b.dir, "filea")); sum != srv.SHA256() {
				t.Errorf("the file's digest is %s, want %s: it is made of two versions", sum, srv.SHA256())
			}
		})
	}
}

// TestForgottenLength: what an answer told that brought no byte does not count for the next answer.
func TestForgottenLength(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789abcdef"), 3<<16)
	var requests atomic.Int64
	srv := ebbtest.NewServer(t, ebbtest.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		switch requests.Add(1) {
		case 1: // a length, and not one byte
			w.Header().Set("Content-Length", strconv.Itoa(1<<20))
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case 2: // more bytes than that, in chunks, and not all of them
			_, _ = w.Write(content[:2<<20])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		default:
			_, _ = w.Write(content)
		}
	})))
	b := newBench(t)
	spec := b.download(srv.URL)
	spec.AutoComplete = true
	b.until(b.create(spec).ID, job.Acknowledged)
	want := sha256.Sum256(content)
	if sum := sumOf(t, filepath.Join(b.dir, "filea")); sum != hex.EncodeToString(want[:]) {
		t.Errorf("the file's digest is %s, want %x", sum, want)
	}
}
