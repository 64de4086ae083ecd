package api

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/internal/metrics"
	"github.com/ebb-transfer/ebb/internal/pace/idle"
)

func TestMetricsOfLines(t *testing.T) {
	t.Parallel()
	lines := []engine.Line{
		{Name: "en0", Mechanism: idle.SystemMechanism, Connections: 3},
		{
			Name: "eth0, local network", Mechanism: idle.WindowMechanism, Connections: 2,
			Status: idle.Status{
				State: idle.Yielding, Signal: idle.DelaySignal, Window: 1460, Rate: 1_250_000, Capacity: 12_500_000,
				Base: 20 * time.Millisecond, Delay: 1500 * time.Microsecond,
			},
			Spent:  map[idle.State]time.Duration{idle.Yielding: 2500 * time.Millisecond, idle.Holding: time.Hour},
			Yields: map[idle.Signal]int64{idle.DelaySignal: 7, idle.HostSignal: 0},
		},
		{ // at rest, nothing known
			Name: "wlan0", Mechanism: idle.WindowMechanism,
			Spent: map[idle.State]time.Duration{idle.Holding: 0}, Yields: map[idle.Signal]int64{idle.DelaySignal: 0},
		},
	}
	var text metrics.Text
	writeLines(&text, lines)
	const want = `# HELP ebb_line_connections Background connections that make room for others.
# TYPE ebb_line_connections gauge
ebb_line_connections{line="en0",mechanism="system"} 3
ebb_line_connections{line="eth0, local network",mechanism="window"} 2
ebb_line_connections{line="wlan0",mechanism="window"} 0
# HELP ebb_line_state 1 for what is being done with the line, 0 for the rest.
# TYPE ebb_line_state gauge
ebb_line_state{line="eth0, local network",state="holding"} 0
ebb_line_state{line="eth0, local network",state="yielding"} 1
ebb_line_state{line="wlan0",state="holding"} 0
# HELP ebb_line_signal 1 for what decided that, 0 for the rest.
# TYPE ebb_line_signal gauge
ebb_line_signal{line="eth0, local network",signal="delay"} 1
ebb_line_signal{line="eth0, local network",signal="host"} 0
ebb_line_signal{line="wlan0",signal="delay"} 0
# HELP ebb_line_window_bytes What the background connections may have under way.
# TYPE ebb_line_window_bytes gauge
ebb_line_window_bytes{line="eth0, local network"} 1460
ebb_line_window_bytes{line="wlan0"} 0
# HELP ebb_line_rate_bytes_per_second What arrives on the background connections.
# TYPE ebb_line_rate_bytes_per_second gauge
ebb_line_rate_bytes_per_second{line="eth0, local network"} 1250000
ebb_line_rate_bytes_per_second{line="wlan0"} 0
# HELP ebb_line_capacity_bytes_per_second What the line is known to carry.
# TYPE ebb_line_capacity_bytes_per_second gauge
ebb_line_capacity_bytes_per_second{line="eth0, local network"} 12500000
# HELP ebb_line_base_rtt_seconds Round trip without a queue.
# TYPE ebb_line_base_rtt_seconds gauge
ebb_line_base_rtt_seconds{line="eth0, local network"} 0.02
# HELP ebb_line_queueing_delay_seconds What the queue adds to the round trip.
# TYPE ebb_line_queueing_delay_seconds gauge
ebb_line_queueing_delay_seconds{line="eth0, local network"} 0.0015
# HELP ebb_line_yields_total How often the line was left to others, by what said that they are there.
# TYPE ebb_line_yields_total counter
ebb_line_yields_total{line="eth0, local network",signal="delay"} 7
ebb_line_yields_total{line="eth0, local network",signal="host"} 0
ebb_line_yields_total{line="wlan0",signal="delay"} 0
# HELP ebb_line_state_seconds_total How long there were background connections, by what was done with the line.
# TYPE ebb_line_state_seconds_total counter
ebb_line_state_seconds_total{line="eth0, local network",state="holding"} 3600
ebb_line_state_seconds_total{line="eth0, local network",state="yielding"} 2.5
ebb_line_state_seconds_total{line="wlan0",state="holding"} 0
`
	if diff := cmp.Diff(want, string(text.Bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
