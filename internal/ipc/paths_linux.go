package ipc

// Filesystem Hierarchy Standard 3.0 sections 3.15 and 5.8, XDG Base Directory Specification 0.8.
const (
	systemState = "/var/lib/ebb"
	systemRun   = "/run/ebb"
	homeState   = ".local/state/ebb"
)
