package job

// Snapshot is a job as it is shown: what is stored, with what its workers do at this
// moment laid over it.
type Snapshot struct {
	// Job is the stored job, but its State is Connecting or Transferring while a worker is.
	Job
	// Rev grows with every change that anybody could see, over all jobs; it orders snapshots and
	// lets a watcher resume.
	Rev uint64 `json:"rev"`
	// Transferred is the number of bytes here, those that are not synced yet included.
	Transferred int64 `json:"transferred"`
	// Size is the number of bytes of the whole job, UnknownSize as long as any file's is unknown.
	Size int64 `json:"size"`
	// Rate is the current speed in bytes per second.
	Rate int64 `json:"rate"`
	// Waits says in one sentence why the job does not move; "" while it does or is final.
	Waits string `json:"waits,omitempty"`
	// Idle says how the job leaves room for others on its line; nil while it does not: in the foreground, while nothing is
	// transferred, or over loopback.
	Idle *IdleBandwidth `json:"idle,omitempty"`
}

// IdleBandwidth is how background jobs use what others leave of a line. All but the mechanism is about all background jobs on that
// line together, and unknown where the system is the mechanism.
type IdleBandwidth struct {
	// Mechanism is "window" where the receive windows of the connections are held so that next to nothing waits in a queue on the
	// line (Linux), "system" where the system has been asked for such a thing (macOS, Windows), and "rate" where neither can be:
	// reads wait, by what probes of the path tell.
	Mechanism string `json:"mechanism"`
	// State is "ramping" while the rate grows as nobody else wants the line, "holding" while the line is used up, "yielding" while
	// somebody else has it, and "draining" for moments that show the line without a queue.
	State string `json:"state,omitempty"`
	// Signal is what decided that: "delay", "loss", "deficit" (less comes than the line can carry), "host" (other traffic of this
	// machine) or "sender" (the server or the disk is slower than the line).
	Signal   string   `json:"signal,omitempty"`
	Window   int64    `json:"window,omitzero"`   // bytes
	Rate     int64    `json:"rate,omitzero"`     // bytes per second
	Capacity int64    `json:"capacity,omitzero"` // bytes per second that the line is known to carry
	Base     Duration `json:"base,omitzero"`     // round trip without a queue
	Delay    Duration `json:"delay,omitzero"`    // what the queue adds to it
}

// FileSnapshot is a file as it is shown.
type FileSnapshot struct {
	File
	// Transferred is the number of bytes here, those that are not synced yet included.
	Transferred int64 `json:"transferred"`
	// Rate is the current speed in bytes per second.
	Rate int64 `json:"rate"`
	// Temporary is the full path of the file's bytes until it is published; "" while there are none (BITS:
	// GetTemporaryName).
	Temporary string `json:"temporary,omitempty"`
}
