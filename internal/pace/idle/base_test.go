package idle

import (
	"testing"
	"time"
)

func TestBase(t *testing.T) {
	t.Parallel()
	var b base
	if got := b.min(); got != 0 {
		t.Errorf("%s before anything was measured", got)
	}
	for _, step := range []struct {
		at, rtt, want time.Duration
	}{
		{0, ms(30), ms(30)},
		{30 * time.Second, ms(20), ms(20)},
		{5 * time.Minute, ms(40), ms(20)},
		{9*time.Minute + 59*time.Second, ms(50), ms(20)}, // ten buckets: the first minute is still there
		{10 * time.Minute, ms(50), ms(40)},
		{10 * time.Minute, 0, ms(40)},
		{14*time.Minute + 59*time.Second, ms(60), ms(40)},
		{15 * time.Minute, ms(60), ms(50)},
		{8 * time.Hour, ms(70), ms(70)},
	} {
		b.add(step.at, step.rtt)
		if got := b.min(); got != step.want {
			t.Errorf("at %s after %s: %s, want %s", step.at, step.rtt, got, step.want)
		}
	}
	b.restart(8*time.Hour, ms(90))
	if got := b.min(); got != ms(90) {
		t.Errorf("%s after the restart, want 90ms", got)
	}
}
