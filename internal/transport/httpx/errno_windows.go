package httpx

import "golang.org/x/sys/windows"

// What the system says about a connection.
const (
	errnoRefused     = windows.WSAECONNREFUSED
	errnoReset       = windows.WSAECONNRESET
	errnoAborted     = windows.WSAECONNABORTED
	errnoTimedOut    = windows.WSAETIMEDOUT
	errnoNetDown     = windows.WSAENETDOWN
	errnoNetUnreach  = windows.WSAENETUNREACH
	errnoHostUnreach = windows.WSAEHOSTUNREACH
)
