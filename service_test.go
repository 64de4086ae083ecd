package ebb_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/internal/daemon"
	"github.com/ebb-transfer/ebb/job"
)

// TestMain lets the test binary be the daemon that Dial starts.
func TestMain(m *testing.M) {
	if role := os.Getenv("EBB_TEST_ROLE"); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}

// play is what a process that a test starts does.
func play(role string) int {
	switch role {
	case "daemon":
		if err := daemon.Run(context.Background(), daemon.Config{Auto: true, IdleExit: time.Second}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	case "system":
		err := daemon.Run(context.Background(), daemon.Config{System: true, Log: os.Stderr})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	case "many files":
		fmt.Println(manyFiles())
	case "hand over":
		id, err := handOver()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		fmt.Println(id)
	case "broken":
		fmt.Fprintln(os.Stderr, "first it says this")
		fmt.Fprintln(os.Stderr, "the state folder is made of cheese")
		return 1
	case "mute":
		return 1
	}
	return 0
}

// handOver leaves a job with the service that EBB_SOCKET names, and tells its ID.
func handOver() (job.ID, error) {
	ctx := context.Background()
	c, err := ebb.Dial(ctx, ebb.Options{})
	if err != nil {
		return "", err
	}
	defer c.Close()
	j, err := c.Create(ctx, ebb.Download(os.Getenv("EBB_TEST_URL"), filepath.Join(filepath.Dir(os.Getenv("EBB_CONFIG")), "left behind")))
	if err != nil {
		return "", err
	}
	return j.ID, nil
}

// manyFiles asks the service that EBB_SOCKET names for a job of 200 files and for one of 201, and tells the codes.
func manyFiles() (jobOf200, jobOf201 job.Code) {
	ctx := context.Background()
	c, err := ebb.Dial(ctx, ebb.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return job.Unexpected, job.Unexpected
	}
	defer c.Close()
	create := func(n int) job.Code {
		spec := job.Spec{Settings: job.DefaultSettings()}
		for i := range n {
			spec.Files = append(spec.Files, job.FileSpec{URL: "http://127.0.0.1:1/x", Local: filepath.Join(filepath.Dir(os.Getenv("EBB_CONFIG")), fmt.Sprint("file", i))})
		}
		var known *job.Error
		if _, err := c.Create(ctx, spec); errors.As(err, &known) {
			return known.Code
		} else if err != nil {
			return job.Unexpected
		}
		return job.OK
	}
	return create(200), create(201)
}

// service is a service in this process that can end and begin again behind the same client.
type service struct {
	*ebb.Client
	t     testing.TB
	dir   string
	conns atomic.Int64 // that are open
	mu    sync.Mutex   // guards now
	now   *daemon.Embedded
}

func newService(t testing.TB) *service {
	t.Helper()
	s := &service{t: t, dir: t.TempDir()}
	s.up()
	s.Client = ebb.NewClient(s.dial)
	t.Cleanup(func() { s.Close(); s.down() })
	return s
}

func (s *service) up() {
	s.t.Helper()
	now, err := daemon.Embed(context.Background(), filepath.Join(s.dir, "state"), daemon.EmbedOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = now
}

func (s *service) down() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil {
		return
	}
	if err := s.now.Close(); err != nil {
		s.t.Error(err)
	}
	s.now = nil
}

func (s *service) dial(ctx context.Context) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now == nil {
		return nil, errors.New("it is down")
	}
	conn, err := s.now.Dial(ctx)
	if err != nil {
		return nil, err
	}
	s.conns.Add(1)
	return &countedConn{Conn: conn, open: &s.conns}, nil
}

type countedConn struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *countedConn) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

func (s *service) file(name string) string { return filepath.Join(s.dir, name) }

// create makes a job without files.
func (s *service) create(name string) *ebb.Job {
	s.t.Helper()
	spec := job.Spec{Settings: job.DefaultSettings()}
	spec.Name = name
	j, err := s.Create(s.t.Context(), spec)
	if err != nil {
		s.t.Fatal(err)
	}
	return j
}

// cancelled makes a job and cancels it: that is one durable event.
func (s *service) cancelled(name string) job.ID {
	s.t.Helper()
	j := s.create(name)
	if err := j.Cancel(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	if err := j.Wait(s.t.Context()); err == nil || j.State != job.Cancelled {
		s.t.Fatalf("a cancelled job is %s, %v", j.State, err)
	}
	return j.ID
}
