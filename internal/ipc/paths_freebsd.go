package ipc

// FreeBSD hier(7).
const (
	systemState = "/var/db/ebb"
	systemRun   = "/var/run/ebb"
	homeState   = ".local/state/ebb"
)
