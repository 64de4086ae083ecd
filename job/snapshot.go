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
