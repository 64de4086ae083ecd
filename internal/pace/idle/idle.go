// Package idle lets background transfers use what a line has left, and nothing else: not only on this machine's interface but
// wherever the bottleneck is, without the server's help.
//
// It watches how long data queue on the way, and holds the receive windows, or what is written of uploads, so that the transfers add
// next to no queue: as soon as somebody else fills the line, they make room within a fraction of a second, and they take all of it when
// nobody wants it. The ancestors are TCP Nice, TCP-LP, LEDBAT (RFC 6817) and rLEDBAT (RFC 9840).
//
// A [Controller] decides for all connections that share a bottleneck, so that many of them are no more aggressive than one.
// It is a pure function of what it was shown: it reads no clock, has no randomness but its seed, and touches no socket.
package idle

import (
	"net/netip"
	"time"
)

// Route is between which addresses a connection goes.
type Route struct{ Local, Remote netip.Addr }

// Sample is what a connection has shown so far. The counters only rise.
type Sample struct {
	ID       uint64        // of the connection, never used again for another one
	Route    Route         // whose base is that of earlier connections; the zero Route is like no other
	RTT      time.Duration // a round trip measured since the sample before, unfiltered; 0 for none
	Probed   bool          // RTT is that of a packet of our own, which no pause of the sender lengthens
	Received int64         // bytes of TCP payload that have arrived, here or there, also of what lies behind a hole
	Disorder int64         // packets that came out of order: the sign of a loss that a receiver has; or that were sent again
	MSS      int           // bytes of payload in a full packet; 0 when nothing came yet
	Weight   int           // its share beside the others, at least 1
	// Held says that the transfer itself does not read all that comes, or has less to send than it may, for a rate limit or a slow
	// disk: a rate below the window's is then no sign of the path.
	Held bool
}

// Surroundings are what the machine shows beside its background connections.
type Surroundings struct {
	// Others is the bytes that came in on the interface beside those of the background connections, in total since some
	// beginning; −1 when nobody can tell. It only rises.
	Others int64
}

// State is what a controller is doing.
type State string

// The states of a controller.
const (
	Ramping  State = "ramping"  // it grows fast, as nobody else seems to be there
	Holding  State = "holding"  // it keeps the queue near the target
	Yielding State = "yielding" // somebody else wants the line: a trickle at most
	Draining State = "draining" // it lets the queue run empty for a moment, to see the path without it
)

// Signal is what decided last.
type Signal string

// The signals, from the most to the least trustworthy.
const (
	NoSignal      Signal = ""        // nothing was seen yet
	DelaySignal   Signal = "delay"   // the queue on the path
	HostSignal    Signal = "host"    // other traffic of this machine
	DeficitSignal Signal = "deficit" // less arrives than the path is known to carry
	LossSignal    Signal = "loss"    // packets get lost
	SenderSignal  Signal = "sender"  // nothing of the path: the server or the disk is the slow one
)

// Status is what a controller shows to people.
type Status struct {
	State    State
	Signal   Signal
	Window   int64         // bytes, over all connections
	Rate     int64         // bytes per second, over all connections
	Capacity int64         // bytes per second that the path is known to carry; 0 when unknown
	Base     time.Duration // round trip of the path without a queue; 0 when unknown
	Delay    time.Duration // what the queue adds to it
}
