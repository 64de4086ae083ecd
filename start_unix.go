//go:build unix

package ebb

import "syscall"

// detached lets the daemon outlive the terminal and the program that started it.
func detached() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
