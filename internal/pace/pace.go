// Package pace shares bandwidth among transfers: a tree of rate limits, in use
// global → class → job → file, and a meter at each of its nodes.
//
// A transfer asks before it reads from the socket, so that bytes it may not
// have yet stay in the network: the receive buffer fills and TCP slows the
// sender. Nothing that was already read ever waits.
//
//	for {
//		granted, err := node.Wait(ctx, len(buf))
//		if err != nil {
//			return err
//		}
//		n, err := body.Read(buf[:granted])
//		node.Took(granted, n)
//		…
//	}
//
// Every node is a token bucket that holds at most a tenth of a second of its
// rate (16 KiB at least), and a grant is paid for at every limited node from
// the asker up to the root. Over any stretch of time t a node therefore grants
// at most rate*t plus that burst, however often its rate changes within it.
package pace

import (
	"context"
	"sync/atomic"
	"time"
)

// A Node is one place in the tree where a rate holds for everything below it.
// All methods may be called from any goroutine. A node needs no closing: its
// parent keeps no reference to it while nobody waits there.
type Node struct {
	parent *Node // nil at the root
	tree   *tree
	rate   atomic.Int64 // bytes per second, 0 is unlimited; written under tree.mu
	meter  meter

	// Guarded by tree.mu.
	bucket  bucket
	lent    int64     // bytes of the grants that were paid for here and are not settled yet
	waiters []*waiter // asks made at this very node, oldest first
	turns   []*Node   // children with somebody waiting, and the node itself for its own waiters; next to be served first
}

// New returns the root of a new tree. The rate is as in [Node.SetRate].
func New(rate int64) *Node {
	t := &tree{start: time.Now()}
	t.root = newNode(nil, t, rate)
	return t.root
}

// Child returns a new node below n. The rate is as in [Node.SetRate].
func (n *Node) Child(rate int64) *Node {
	return newNode(n, n.tree, rate)
}

func newNode(parent *Node, t *tree, rate int64) *Node {
	n := &Node{parent: parent, tree: t}
	n.SetRate(rate)
	return n
}

// Limit returns the rate set at n itself, in bytes per second; 0 is unlimited.
func (n *Node) Limit() int64 { return n.rate.Load() }

// Rate returns what flowed through n lately, in bytes per second: the average
// over the past, in which a byte counts for less the longer ago it was taken
// (time constant 3 s).
func (n *Node) Rate() int64 { return n.meter.read(n.tree.now()) }

// SetRate changes the rate of n, in bytes per second; zero or less is
// unlimited. It takes effect at once, also for those who wait already.
// Grants made before are not taken back.
func (n *Node) SetRate(rate int64) {
	rate = max(rate, 0)
	t := n.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	n.bucket.setRate(n.rate.Load(), rate, t.now())
	if rate == 0 {
		n.lent = 0
	}
	n.rate.Store(rate)
	t.dispatch()
}

// Wait returns how many of the wanted bytes may be read now, from 1 to want,
// once there is room for them at n and at every node above it. Call
// [Node.Took] after the read, for every grant.
//
// When no node on the path has a limit, all of want is granted at once. With a
// limit, a grant is at most 16 KiB, and at most what the slowest node lets
// through in an eighth of a second; siblings that wait at the same parent are
// served in turn, one grant each, and those who wait at the same node in the
// order in which they came.
//
// The error is that of ctx, when it ends first; then nothing is granted.
// A want of zero or less grants nothing and never waits.
func (n *Node) Wait(ctx context.Context, want int) (granted int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if want <= 0 {
		return 0, nil
	}
	if !n.limited() {
		return want, nil
	}
	w := n.tree.ask(n, want)
	select {
	case <-w.ready:
		return w.granted, nil
	case <-ctx.Done():
		n.tree.forget(w)
		return 0, ctx.Err()
	}
}

// Took ends a grant: read bytes of it were read and count for the meters, the
// rest goes back to those who wait, where it was paid for. A read of zero gives
// all of it back.
func (n *Node) Took(granted, read int) {
	if read > 0 {
		now := n.tree.now()
		for p := n; p != nil; p = p.parent {
			p.meter.add(now, read)
		}
	}
	if n.limited() {
		n.tree.settle(n, granted, read)
	}
}

// limited reports whether any node from n up to the root has a rate.
func (n *Node) limited() bool {
	for p := n; p != nil; p = p.parent {
		if p.rate.Load() > 0 {
			return true
		}
	}
	return false
}
