package rig

import (
	"fmt"
	"net"
	"testing"
)

func TestAPortIsGivenOnce(t *testing.T) {
	port := freePorts(t, 1)[0]
	if reserve(t, port) {
		t.Errorf("port %d was given twice", port)
	}
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatalf("its server cannot have it: %v", err)
	}
	ln.Close()
}

func TestAPortComesBackWithTheEndOfItsTest(t *testing.T) {
	var port int
	t.Run("has it", func(t *testing.T) { port = freePorts(t, 1)[0] })
	if !reserve(t, port) {
		t.Errorf("port %d is still kept", port)
	}
}
