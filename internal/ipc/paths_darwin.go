package ipc

// Apple's File System Programming Guide, "macOS Library Directory Details".
const (
	systemState = "/Library/Application Support/ebb"
	systemRun   = "/var/run/ebb"
	homeState   = "Library/Application Support/ebb"
)
