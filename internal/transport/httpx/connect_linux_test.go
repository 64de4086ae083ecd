package httpx

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// TestStallOfConnect listens with a full queue: Linux then leaves further connections unanswered.
func TestStallOfConnect(t *testing.T) {
	t.Parallel()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*unix.SockaddrInet4).Port)
	for unanswered := 0; unanswered < 2; { // fill the queue
		conn, err := net.DialTimeout("tcp", addr, time.Duration(short))
		if err != nil {
			unanswered++
			continue
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	src := transport.Source{URL: "http://" + addr, Network: job.Network{ConnectTimeout: short, Proxy: "none"}}
	_, _, err = download(t, src, 0, job.Validator{})
	e := asJobError(t, err)
	if e.Code != job.RequestTimeout || e.Class != job.Transient || !strings.Contains(e.Text, "accept the connection") {
		t.Errorf("code %v, class %v, text %q", e.Code, e.Class, e.Text)
	}
}
