package engine

import (
	"context"
	"io"
	"sync"
	"testing"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// lockedDoor refuses every password, and remembers the tries that came to it.
type lockedDoor struct {
	wholeOnly
	mu    sync.Mutex // guards tries
	tries map[string]int
}

func (d *lockedDoor) Open(_ context.Context, src transport.Source, _ int64, _ job.Validator) (io.ReadCloser, transport.Meta, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tries[src.Try]++
	return nil, transport.Meta{}, &job.Error{Context: job.ContextRemoteFile, Code: job.HTTPStatus(401), Class: job.NeedsAction, Refused: "basic"}
}

// TestOneTryUntilResumed: all that a job opens is one try, until its owner resumes it after an error; so a transport
// can tell who knows already that a password is wrong.
func TestOneTryUntilResumed(t *testing.T) {
	door := &lockedDoor{tries: map[string]int{}}
	b := newBench(t, func(c *Config) { c.Transports = map[string]transport.Downloader{"http": door} })
	var urls []string
	for range 20 {
		urls = append(urls, "http://door.example/")
	}
	j := b.create(b.download(urls...))
	b.until(j.ID, job.InError)
	for want := 1; want <= 2; want++ {
		door.mu.Lock()
		if got := len(door.tries); got != want || door.tries[""] > 0 {
			t.Errorf("tries %v, want %d", door.tries, want)
		}
		door.mu.Unlock()
		b.do(j.ID, job.Resume{})
		b.until(j.ID, job.InError)
	}
}
