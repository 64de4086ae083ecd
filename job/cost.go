package job

import (
	"fmt"
	"strconv"
	"strings"
)

// Cost is what the current network costs, as one bit (BITS: BITS_COST_STATE).
type Cost uint32

// The costs of a network.
const (
	CostUnrestricted     Cost = 0x01 // it costs nothing more, or nobody knows
	CostCapped           Cost = 0x02 // there is a cap; how much of it is used is unknown
	CostBelowCap         Cost = 0x04
	CostNearCap          Cost = 0x08 // 80 % of the cap are used
	CostOverCapCharged   Cost = 0x10
	CostOverCapThrottled Cost = 0x20
	CostUsageBased       Cost = 0x40 // each byte costs
	CostRoaming          Cost = 0x80
)

// TransferPolicy is the set of costs that a job may run at (BITS: BITS_JOB_TRANSFER_POLICY). 0 leaves it to the
// administrator's policy for the job's priority.
type TransferPolicy uint32

// The policies that have names.
const (
	PolicyDefault      TransferPolicy = 0
	PolicyUnrestricted TransferPolicy = 0x80000021
	PolicyStandard     TransferPolicy = 0x80000067
	PolicyNoSurcharge  TransferPolicy = 0x8000006F
	PolicyNotRoaming   TransferPolicy = 0x8000007F
	PolicyAlways       TransferPolicy = 0x800000FF

	// IgnoreCongestion is an option beside the costs; ebb, which yields by what it measures, has no report of
	// congestion to ignore.
	IgnoreCongestion TransferPolicy = 0x80000000

	allCosts TransferPolicy = 0xFF
)

var policyNames = []struct {
	name   string
	policy TransferPolicy
}{
	{"default", PolicyDefault},
	{"unrestricted", PolicyUnrestricted},
	{"standard", PolicyStandard},
	{"no_surcharge", PolicyNoSurcharge},
	{"not_roaming", PolicyNotRoaming},
	{"always", PolicyAlways},
}

// TransferPolicyNames are the names that a policy can be given by.
func TransferPolicyNames() []string {
	out := make([]string, len(policyNames))
	for i, p := range policyNames {
		out[i] = p.name
	}
	return out
}

// Allows reports whether a job with policy p may run at cost c. Nobody blocks at an unknown cost: that is
// CostUnrestricted.
func (p TransferPolicy) Allows(c Cost) bool { return uint32(p)&uint32(c) != 0 }

// String returns the policy's name, else its bits in hex.
func (p TransferPolicy) String() string {
	for _, n := range policyNames {
		if n.policy == p {
			return n.name
		}
	}
	return fmt.Sprintf("0x%08X", uint32(p))
}

// MarshalText returns what String does.
func (p TransferPolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText accepts a name, or the bits in hex (0x…) or decimal.
func (p *TransferPolicy) UnmarshalText(b []byte) error {
	for _, n := range policyNames {
		if n.name == string(b) {
			*p = n.policy
			return nil
		}
	}
	v, err := strconv.ParseUint(string(b), 0, 32)
	if err != nil {
		return fmt.Errorf("unknown transfer policy %q; known are %s, and the bits of BITS in hex", b, strings.Join(TransferPolicyNames(), ", "))
	}
	*p = TransferPolicy(v)
	return nil
}

func (p TransferPolicy) check() error {
	switch {
	case p&^(allCosts|IgnoreCongestion) != 0:
		return Invalid(InvalidArg, "transfer policy %s has bits that are not known", p)
	case p != 0 && p&allCosts == 0:
		return Invalid(InvalidArg, "transfer policy %s allows no cost at all: the job could never run", p)
	}
	return nil
}
