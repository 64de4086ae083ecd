//go:build !linux

package idle

// counters are those of the interfaces.
type counters struct{}

func (*counters) received(int) int64 { return -1 }

func (*counters) close() {}
