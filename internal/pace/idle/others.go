package idle

import "time"

const (
	// Traffic of this machine beside ours counts from hostPart of the capacity, over hostTime. Beyond hostElsewhere times the
	// capacity it cannot be on our path: a backup to a machine next door.
	hostPart      = 0.05
	hostElsewhere = 1.5
	hostTime      = 200 * time.Millisecond
)

// hostTraffic is what the machine receives beside the background.
type hostTraffic struct {
	total int64
	meter meter
	busy  bool
}

func (c *Controller) watchHost(s Surroundings) {
	h := &c.host
	if s.Others < 0 || s.Others < h.total {
		h.meter = meter{}
	}
	if h.total = s.Others; s.Others >= 0 {
		h.meter.add(c.now, s.Others, meterGrain)
	}
	rate := h.meter.rate(hostTime)
	h.busy = rate > hostPart*c.capacity && rate < hostElsewhere*c.capacity
}

func (c *Controller) hostBusy() bool { return c.host.busy }
