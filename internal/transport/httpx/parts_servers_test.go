//go:build integration

package httpx

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/internal/ebbtest/rig"
	"github.com/ebb-transfer/ebb/job"
)

// TestRealServersOfSeveralRanges: what nginx, Apache and lighttpd make of several ranges is understood, whatever it is.
func TestRealServersOfSeveralRanges(t *testing.T) {
	t.Parallel()
	content := bytes.Repeat([]byte("0123456789abcdef"), 1<<12)
	size := int64(len(content))
	many := make([]job.Range, 500)
	for i := range many {
		many[i] = job.Range{Start: int64(i) * 131, End: int64(i)*131 + 1 + int64(i)%100}
	}
	for name, start := range map[string]func(testing.TB, rig.Files) *rig.Server{"nginx": rig.Nginx, "Apache": rig.Apache, "lighttpd": rig.Lighttpd} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, old := servedFolder(t), time.Now().Add(-time.Hour) // of a file of this second no ETag is strong
			if err := os.Chtimes(filepath.Join(string(folder), "file.bin"), old, old); err != nil {
				t.Fatal(err)
			}
			url := start(t, folder).URL("/pub/file.bin")
			for _, want := range [][]job.Range{
				{{Start: 5, End: 6}},
				{{Start: 100, End: 200}, {Start: 5000, End: 6000}, {Start: 60_000, End: 60_001}},
				{{Start: 60_000, End: 60_001}, {Start: 100, End: 200}, {Start: 200, End: 300}},
				{{Start: 5, End: 6}, {Start: 65_000, End: -1}},
				{{Start: size - 1, End: -1}},
				many,
			} {
				d, filled, requests := newDownloader(t), job.Ranges(nil), 0
				for left := want; len(left) > 0; requests++ {
					got, err := openRanges(t, d, url, left)
					if err != nil {
						t.Fatal(err)
					}
					got.check(t, bytes.NewReader(content))
					filled = filled.Union(got.filled)
					if got.meta.Size != size || !got.meta.Validator.Strong() {
						t.Fatalf("meta %+v", got.meta)
					}
					for len(left) > 0 && filled.Contains(job.Range{Start: left[0].Start, End: max(left[0].End, left[0].Start+1)}) {
						left = left[1:]
					}
				}
				t.Logf("%d ranges: %d requests", len(want), requests)
				if requests > len(want)/10+1 { // lighttpd leaves out all behind the tenth
					t.Errorf("%d ranges took %d requests", len(want), requests)
				}
			}
			if _, err := openRanges(t, newDownloader(t), url, []job.Range{{Start: size, End: size + 1}}); err == nil || asJobError(t, err).Code != job.InvalidRange {
				t.Errorf("a range outside: %v", err)
			}
		})
	}
}
