//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// forwarder is a process of its own that carries packets between two TUN devices and keeps each for half of the base RTT: no
// other work of this program, and no garbage collection, is in its way.
type forwarder struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   io.Reader
	stats forwarderStats // when it has stopped
}

// forwarderStats tells how exact the forwarder was.
type forwarderStats struct {
	Packets int64         `json:"packets"`
	Late50  time.Duration `json:"late50_ns"` // how much later than it should a packet went on
	Late99  time.Duration `json:"late99_ns"`
	LateMax time.Duration `json:"late_max_ns"`
	Behind  float64       `json:"behind"`  // share of the time in which packets waited that went more than 5 ms late
	Largest int           `json:"largest"` // packet, in bytes: more than 1500 and the interfaces make packets of several
	Full    int64         `json:"full"`    // packets lost for want of room, which must not happen
	Lost    int64         `json:"lost"`    // packets lost on purpose
	Dropped int64         `json:"dropped"` // packets that the bottleneck has dropped, if the forwarder plays it
}

func (s forwarderStats) String() string {
	return fmt.Sprintf("%d packets, late by %s (median), %s (p99), %s (most), by more than 5 ms for %.2f %% of the time", s.Packets, s.Late50, s.Late99, s.LateMax, 100*s.Behind)
}

// forwardCommand is the argument that makes this program a forwarder.
const forwardCommand = "forward"

// forwardOptions are for the forwarder, on its command line.
type forwardOptions struct {
	Delay  time.Duration // one way
	Far    time.Duration // what is added on the way from the far server
	Loss   float64       // of what goes to the clients
	Jitter time.Duration // mean of what is added at times to the way to the clients
	Seed   uint64
	Queue  string  // of the bottleneck to the clients; "" for none
	Rate   float64 // of the bottleneck, in bytes per second
	Room   int     // of the queue, in bytes
}

func startForwarder(ctx context.Context, near, far *os.File, p path) (*forwarder, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	options, err := json.Marshal(forwardOptions{
		Delay: p.Base / 2, Far: p.Far, Loss: p.Loss, Jitter: p.Jitter, Seed: 1, Queue: p.Queue, Rate: p.capacity(), Room: p.room(),
	})
	if err != nil {
		return nil, err
	}
	f := &forwarder{cmd: exec.CommandContext(ctx, self, forwardCommand, string(options))}
	f.cmd.ExtraFiles = []*os.File{near, far}
	f.cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	f.cmd.Stderr = os.Stderr
	// A terminal's Ctrl-C is for the program that started it.
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if f.stdin, err = f.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if f.out, err = f.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return f, f.cmd.Start()
}

// setBase changes the round trip of the idle line. What is on its way already keeps its time, and its place.
func (f *forwarder) setBase(base time.Duration) error {
	_, err := fmt.Fprintln(f.stdin, int64(base/2))
	return err
}

// stop ends the forwarder and reads what it has to tell.
func (f *forwarder) stop() error {
	_ = f.stdin.Close() // the end of its input is the sign to end
	err := json.NewDecoder(f.out).Decode(&f.stats)
	return errors.Join(err, f.cmd.Wait())
}

// forward is the forwarder's main: it ends with its standard input, whose lines are delays that are to replace the one before.
func forward(text string, stdin, near, far int, out io.Writer) error {
	var o forwardOptions
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return fmt.Errorf("options of the forwarder: %w", err)
	}
	// What has a moment to keep goes first. Without the right to it the delays are less exact, which the figures show.
	runtime.LockOSThread()
	_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 10}, 0)
	for _, fd := range []int{near, far} {
		if err := unix.SetNonblock(fd, true); err != nil {
			return err
		}
	}
	down, up := newWay(far, near, o), newWay(near, far, forwardOptions{Delay: o.Delay})
	fds := []unix.PollFd{{Fd: int32(far), Events: unix.POLLIN}, {Fd: int32(near), Events: unix.POLLIN}, {Fd: int32(stdin), Events: unix.POLLIN}}
	for {
		fds[2].Revents = 0 // a signal leaves it as it was
		timeout := unix.NsecToTimespec(max(0, min(down.next(), up.next())-now()))
		if _, err := unix.Ppoll(fds, &timeout, nil); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if fds[2].Revents != 0 {
			delay, err := readDelay(stdin)
			if errors.Is(err, io.EOF) {
				return json.NewEncoder(out).Encode(stats(down, up))
			}
			if err != nil {
				return err
			}
			down.options.Delay, up.options.Delay = delay, delay
		}
		if err := errors.Join(down.move(), up.move()); err != nil {
			return err
		}
	}
}

// readDelay reads a line of standard input, which comes in one piece.
func readDelay(stdin int) (time.Duration, error) {
	line := make([]byte, 64)
	n, err := unix.Read(stdin, line)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 0, io.EOF
	}
	delay, err := strconv.ParseInt(strings.TrimSpace(string(line[:n])), 10, 64)
	return time.Duration(delay), err
}

// now is the monotonic clock, in nanoseconds since some beginning.
func now() int64 { return int64(time.Since(epoch)) }

var epoch = time.Now()
