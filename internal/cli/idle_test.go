package cli

import (
	"slices"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

func TestIdleBandwidth(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		is   *job.IdleBandwidth
		want string
	}{
		{nil, ""},
		{&job.IdleBandwidth{Mechanism: "system"}, "left to the system"},
		{&job.IdleBandwidth{Mechanism: "window", State: "ramping"}, "ramping, delay 0s, 0 B/s"},
		{&job.IdleBandwidth{Mechanism: "rate", State: "holding", Signal: "delay"}, "holding (delay), delay 0s, 0 B/s, as probes tell"},
		{
			&job.IdleBandwidth{
				Mechanism: "window", State: "yielding", Signal: "host", Rate: 12 << 10, Capacity: 5 << 19, Delay: job.Duration(13900 * time.Microsecond),
			},
			"yielding (host), delay 14ms, 12.0 KiB/s of 2.5 MiB/s",
		},
	} {
		s := job.Snapshot{Idle: test.is}
		if !slices.Contains(jobRows(s), row{"idle bandwidth", test.want}) {
			t.Errorf("ebb show: %q, want %q", jobRows(s), test.want)
		}
	}
	moving := job.Snapshot{Job: job.Job{State: job.Transferring}, Rate: 1 << 10, Idle: &job.IdleBandwidth{Mechanism: "window", State: "yielding"}}
	if got, want := whyText(moving), "it moves, at 1.0 KiB/s: somebody else has the line"; got != want {
		t.Errorf("ebb why: %q, want %q", got, want)
	}
}
