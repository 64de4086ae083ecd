package ebb

import (
	"syscall"

	"golang.org/x/sys/windows"
)

// detached lets the daemon outlive the console and the program that started it.
func detached() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{CreationFlags: windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP}
}
