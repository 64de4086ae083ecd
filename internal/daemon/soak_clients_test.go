//go:build integration && linux

package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

// soakClient is one of the programs that command jobs, each its own. It is for one goroutine.
type soakClient struct {
	t        testing.TB
	n        int
	client   *ebb.Client
	server   string
	folder   string
	jobs     []*account
	strays   int // jobs that may have been created, by a call without an answer
	commands int
	unknown  int // commands without an answer
	refused  map[job.Code]int
	want     int           // jobs to create
	within   time.Duration // which they are spread over
	pause    time.Duration // between commands
}

func newSoakClient(t testing.TB, n int, socket string) *soakClient {
	c := &soakClient{t: t, n: n, folder: t.TempDir(), refused: map[job.Code]int{}}
	c.client = ebb.NewClient(func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	})
	t.Cleanup(c.client.Close)
	return c
}

// run creates jobs and commands them until ctx ends.
func (c *soakClient) run(ctx context.Context) {
	for began := time.Now(); ctx.Err() == nil; {
		due := int(float64(c.want) * min(1, float64(time.Since(began))/float64(c.within)))
		if len(c.jobs) < due {
			c.create()
		} else {
			time.Sleep(c.pause)
		}
		if len(c.jobs) > 0 {
			c.command(c.jobs[rand.IntN(len(c.jobs))])
		}
	}
}

func (c *soakClient) spec() job.FileSpec {
	c.commands++
	size := 1 << rand.IntN(14)
	if rand.IntN(50) == 0 {
		size = 1 << 20
	}
	name := fmt.Sprintf("%d-%d", c.n, c.commands)
	return job.FileSpec{URL: fmt.Sprintf("%s/%d/%s", c.server, size, name), Local: filepath.Join(c.folder, name)}
}

func (c *soakClient) create() {
	spec := job.Spec{Settings: job.DefaultSettings(), Resume: rand.IntN(4) > 0}
	spec.AutoComplete = rand.IntN(2) == 0
	spec.Priority = job.Priority(rand.IntN(4))
	spec.RetryDelay = job.Duration(job.MinRetryDelay)
	spec.Network.ConnectTimeout, spec.Network.StallTimeout = job.Duration(2*time.Second), job.Duration(2*time.Second)
	for range 1 + rand.IntN(3) {
		spec.Files = append(spec.Files, c.spec())
	}
	j, err := c.client.Create(context.Background(), spec)
	if err != nil {
		c.failed(err)
		c.strays++
		return
	}
	a := &account{id: j.ID, auto: spec.AutoComplete, files: len(spec.Files), running: []bool{spec.Resume}, texts: []string{""}}
	c.jobs = append(c.jobs, a)
}

// failed takes note of a command that was not acknowledged, and reports whether it may have had its effect.
func (c *soakClient) failed(err error) (maybe bool) {
	var refusal *job.Error
	if errors.As(err, &refusal) && refusal.Code != job.Unexpected {
		c.refused[refusal.Code]++
		return false
	}
	c.unknown++
	time.Sleep(20 * time.Millisecond) // the daemon is away
	return true
}

// command sends one command of many and writes down what it comes to.
func (c *soakClient) command(a *account) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c.commands++
	j, err := c.client.Job(ctx, string(a.id))
	if err != nil {
		if errors.Is(err, ebb.ErrNotFound) {
			c.t.Errorf("job %s, whose creation was acknowledged, is not there", a.id)
		}
		c.failed(err)
		return
	}
	if final := j.State.Final(); final && a.cancelled+a.completed == no && !a.auto {
		c.t.Errorf("job %s is %s, and nobody asked for that", a.id, j.State)
	}
	switch n := rand.IntN(100); {
	case n < 25:
		c.do(j.Resume(ctx), func(sure bool) { a.resume(true, sure) })
	case n < 45:
		c.do(j.Suspend(ctx), func(sure bool) { a.resume(false, sure) })
	case n < 65:
		text := fmt.Sprint("note ", c.commands)
		c.do(j.Set(ctx, map[string]any{"description": text}), func(sure bool) { a.describe(text, sure) })
	case n < 72:
		c.do(j.Set(ctx, map[string]any{"priority": job.Priority(rand.IntN(4))}), func(bool) {})
	case n < 77:
		c.do(j.AddFiles(ctx, c.spec()), func(sure bool) {
			if sure {
				a.files++
			} else {
				a.maybe++
			}
		})
	case n < 80:
		c.do(j.Cancel(ctx), func(sure bool) { a.cancelled = max(a.cancelled, certain(sure)) })
	case n < 83:
		c.do(j.Complete(ctx), func(sure bool) { a.completed = max(a.completed, certain(sure)) })
	}
}

// do is called with the outcome of a command, and with what to write down if it had its effect, or may have.
func (c *soakClient) do(err error, effect func(sure bool)) {
	if err == nil || c.failed(err) {
		effect(err == nil)
	}
}
