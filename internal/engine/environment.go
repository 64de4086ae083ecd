package engine

import (
	"cmp"
	"fmt"

	"github.com/ebb-transfer/ebb/job"
)

// Environment is what the engine goes by when it decides whether jobs may run, in words.
type Environment struct {
	Offline string `json:"offline,omitempty"` // why there is no network; "" when there is one, or nobody can tell
	Cost    string `json:"cost"`              // of the network, "unknown" when nobody can tell
	Battery string `json:"battery,omitempty"` // what is left while the machine runs on it; "" on mains, or when nobody can tell
	Saver   bool   `json:"saver,omitzero"`    // power is to be saved
	Asleep  bool   `json:"asleep,omitzero"`   // the machine is about to sleep
}

var costNames = map[job.Cost]string{
	0: "unknown", job.CostUnrestricted: "unrestricted", job.CostCapped: "capped", job.CostBelowCap: "below_cap", job.CostNearCap: "near_cap",
	job.CostOverCapCharged: "over_cap_charged", job.CostOverCapThrottled: "over_cap_throttled", job.CostUsageBased: "usage_based",
	job.CostRoaming: "roaming",
}

// Environment is that of now. What the administrator says of the network's cost goes before what the machine does.
func (e *Engine) Environment() Environment {
	e.outside.mu.Lock()
	facts, limits := e.outside.facts, e.outside.limits
	e.outside.mu.Unlock()
	env := Environment{
		Offline: facts.Offline, Cost: costNames[cmp.Or(limits.Sched.Cost, facts.Cost)], Saver: facts.Power.Saver, Asleep: facts.Asleep,
	}
	switch power := facts.Power; {
	case power.Battery && power.Percent > 0:
		env.Battery = fmt.Sprintf("%d %%", power.Percent)
	case power.Battery:
		env.Battery = "an unknown rest"
	}
	return env
}
