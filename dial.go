package ebb

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/ebb-transfer/ebb/internal/ipc"
)

// Options say which service to talk to. The zero value is the user's own.
type Options struct {
	// Socket is the path of the service's socket (Windows: the name of its pipe); "" for the one that
	// EBB_SOCKET and EBB_STATE_DIR name, else the user's default.
	Socket string
	// System asks for the machine's service instead of the user's, when Socket is "".
	System bool
	// Start is the command that starts a daemon when none runs, such as {"ebb", "daemon", "--auto"}; empty for an error
	// instead. The daemon outlives this program.
	Start []string
}

// Self returns how a service on this machine knows the user of this program: the Owner of the jobs that the program creates,
// such as "uid:1000", on Windows a SID. An administrator sees the jobs of others as well, and tells them apart by it.
//
// It fails when the system does not say who runs the program.
func Self() (string, error) {
	me, err := ipc.Self()
	return me.ID, err
}

// ErrNotRunning is wrapped by the error of [Dial], beside [ErrUnavailable], when no service runs. Without it there may be one
// that cannot be reached, such as one in a folder that is closed to this user.
var ErrNotRunning = ipc.ErrNotRunning

// startTime bounds the wait for a daemon that was just started.
const startTime = 15 * time.Second

// Dial returns a client of the service, once it answers. The error wraps [ErrUnavailable] when
// none does, and [ErrNotRunning] if that is because none runs; when a daemon was started and failed, it is the last line that the daemon wrote to its standard error.
func Dial(ctx context.Context, opts Options) (*Client, error) {
	if opts.Socket == "" {
		socket, err := ipc.SocketPath(ipc.Env{Getenv: os.Getenv, System: opts.System})
		if err != nil {
			return nil, err
		}
		opts.Socket = socket
	}
	dial := func(ctx context.Context) (net.Conn, error) { return ipc.Dial(ctx, opts.Socket) }
	conn, err := dial(ctx)
	switch {
	case err == nil:
		conn.Close()
	case len(opts.Start) == 0 || !errors.Is(err, ipc.ErrNotRunning):
		return nil, fmt.Errorf("%w on %s: %w", ErrUnavailable, opts.Socket, err)
	default:
		if err := start(ctx, opts, dial); err != nil {
			return nil, err
		}
	}
	return NewClient(dial), nil
}

// start runs the daemon and waits until one answers. When several programs do so at the
// same time, one daemon wins and all use it.
func start(ctx context.Context, opts Options, dial func(context.Context) (net.Conn, error)) error {
	name, err := exec.LookPath(opts.Start[0])
	if err == nil {
		name, err = filepath.Abs(name) // the daemon does not stand where we do
	}
	if err != nil {
		return fmt.Errorf("%w, and it cannot be started: %w", ErrUnavailable, err)
	}
	cmd := exec.Command(name, opts.Start[1:]...)
	cmd.Dir = string(os.PathSeparator)
	cmd.SysProcAttr = detached()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w, and it cannot be started: %w", ErrUnavailable, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- lastLine(stderr, cmd.Wait) }() // ends with the daemon, or with this program
	waiting, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		conn, err := dial(waiting)
		if err == nil {
			return conn.Close()
		}
		select {
		case failed := <-ended:
			if failed != nil {
				return fmt.Errorf("%w: %w", ErrUnavailable, failed)
			}
			ended = nil // another daemon has won
		case <-waiting.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("%w: the daemon that was started is not ready after %s: %w", ErrUnavailable, startTime, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// lastLine is the error of a daemon that ended at once: what it said last.
func lastLine(stderr io.Reader, wait func() error) error {
	var last string
	for in := bufio.NewScanner(stderr); in.Scan(); {
		last = in.Text()
	}
	_, _ = io.Copy(io.Discard, stderr) // a line too long for a Scanner must not stop the daemon
	err := wait()
	if err != nil && last != "" {
		return errors.New(last)
	}
	return err
}
