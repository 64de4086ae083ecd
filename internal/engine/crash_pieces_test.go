package engine

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// TestCrashMatrixOfRanges: files of ranges, one behind the other and with holes, of which one is complete only once the
// server has told the size.
func TestCrashMatrixOfRanges(t *testing.T) {
	ranges := story{
		sizes: map[string]int{"remote": 3_000_000},
		files: []job.FileSpec{
			{URL: "http://host/remote", Local: "joined", Ranges: []job.Span{
				{Offset: 2_600_000, Length: job.ToEOF}, {Offset: 100, Length: 700_000}, {Offset: 2_000_000, Length: 30_000},
			}},
			{URL: "http://host/remote", Local: "sparse", Sparse: true, Ranges: []job.Span{
				{Offset: 1_500_000, Length: 700_000}, {Offset: 10, Length: 600_000},
			}},
		},
	}
	t.Run("killed", func(t *testing.T) { crashMatrix(t, ranges, 20, 10) })
	ranges.power = true
	t.Run("power cut", func(t *testing.T) { crashMatrix(t, ranges, 20, 10) })
}

// OpenRanges sends every other range, but the first one always.
func (m memSource) OpenRanges(_ context.Context, src transport.Source, want []job.Range, v job.Validator) (transport.Parts, transport.Meta, error) {
	body := m[src.URL]
	p := &memParts{}
	for i, r := range want {
		if r.End < 0 {
			r.End = int64(len(body))
		}
		if i%2 == 0 {
			p.ranges, p.bodies = append(p.ranges, r), append(p.bodies, bytes.NewReader(body[r.Start:r.End]))
		}
	}
	return p, transport.Meta{Size: int64(len(body)), Validator: job.Validator{ETag: `"v1"`}, Same: v.ETag == `"v1"`}, nil
}

// memParts are parts of a memSource.
type memParts struct {
	ranges []job.Range
	bodies []io.Reader
}

func (p *memParts) Next() (job.Range, io.Reader, error) {
	if len(p.ranges) == 0 {
		return job.Range{}, nil, io.EOF
	}
	r, body := p.ranges[0], p.bodies[0]
	p.ranges, p.bodies = p.ranges[1:], p.bodies[1:]
	return r, &slowReader{body}, nil
}

func (p *memParts) Close() error { return nil }
