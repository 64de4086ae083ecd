//go:build unix

package httpx

import "golang.org/x/sys/unix"

// What the system says about a connection.
const (
	errnoRefused     = unix.ECONNREFUSED
	errnoReset       = unix.ECONNRESET
	errnoAborted     = unix.EPIPE
	errnoTimedOut    = unix.ETIMEDOUT
	errnoNetDown     = unix.ENETDOWN
	errnoNetUnreach  = unix.ENETUNREACH
	errnoHostUnreach = unix.EHOSTUNREACH
)
