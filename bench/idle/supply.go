//go:build linux

package main

import (
	"context"
	"time"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

// supply is how fast a server has its files: it waits until there is more to send, and returns how much of n bytes that is.
type supply func(ctx context.Context, n int) (int, error)

// endless has all at once.
func endless(_ context.Context, n int) (int, error) { return n, nil }

// inBursts has half of what the line carries, as much at once as is for burstEvery. What could not be sent then is not made up for.
func inBursts(p path) supply {
	burst := int(burstPart * p.payload() * burstEvery.Seconds())
	left := 0
	return func(ctx context.Context, n int) (int, error) {
		if left == 0 {
			if err := runner.Sleep(ctx, rest(burstEvery)); err != nil {
				return 0, err
			}
			left = burst
		}
		n = min(n, left)
		left -= n
		return n, nil
	}
}

const (
	burstPart  = 0.5
	burstEvery = 250 * time.Millisecond
)

// withStalls has all, but nothing for the last stallFor of each stallEvery.
func withStalls(ctx context.Context, n int) (int, error) {
	if left := rest(stallEvery); left <= stallFor {
		if err := runner.Sleep(ctx, left); err != nil {
			return 0, err
		}
	}
	return n, nil
}

const (
	stallEvery = 10 * time.Second
	stallFor   = 6 * time.Second
)

// rest is how long until the clock is at a multiple of a period.
func rest(period time.Duration) time.Duration {
	return period - time.Duration(time.Now().UnixNano())%period
}
