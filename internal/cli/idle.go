package cli

import (
	"time"

	"github.com/ebb-transfer/ebb/job"
)

// idleText is how a job leaves room for others on its line; "" when it does not.
func idleText(is *job.IdleBandwidth) string {
	switch {
	case is == nil:
		return ""
	case is.State == "":
		return "left to the " + is.Mechanism
	}
	out := is.State
	if is.Signal != "" {
		out += " (" + is.Signal + ")"
	}
	out += ", delay " + time.Duration(is.Delay).Round(time.Millisecond).String() + ", " + bytesText(is.Rate) + "/s"
	if is.Capacity > 0 {
		out += " of " + bytesText(is.Capacity) + "/s"
	}
	if is.Mechanism == "rate" {
		out += ", as probes tell"
	}
	return out
}
