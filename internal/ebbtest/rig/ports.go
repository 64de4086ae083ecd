package rig

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
)

// freePorts returns loopback ports that nothing listens on, for the rest of the test. They are below the
// range the kernel takes ports of outgoing connections from, so a stopped server
// finds its port free again.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	const low, high = 20000, 32000
	var ports []int
	for range 1000 {
		if port := low + rand.IntN(high-low); reserve(t, port) {
			ports = append(ports, port)
		}
		if len(ports) == n {
			return ports
		}
	}
	t.Fatalf("no %d free ports between %d and %d", n, low, high)
	return nil
}

// reserve keeps a port from the servers of all tests, those of other processes included, until the test has ended; it fails
// where the port is taken. Between the look at the port and the start of its server another one could start there,
// and squid, for one, is content with the rest of its ports.
func reserve(t testing.TB, port int) bool {
	t.Helper()
	// An abstract socket is the kernel's own lock: it belongs to the network namespace, as ports do, and goes with the process.
	lock, err := net.Listen("unix", fmt.Sprintf("@ebb-rig-port-%d", port))
	if err != nil {
		return false
	}
	free, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		lock.Close()
		return false
	}
	free.Close()
	t.Cleanup(func() { lock.Close() })
	return true
}
