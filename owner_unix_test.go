//go:build unix

package ebb_test

import (
	"io/fs"
	"syscall"
)

func ownerOf(fi fs.FileInfo) any {
	sys := fi.Sys().(*syscall.Stat_t)
	return [2]uint32{sys.Uid, sys.Gid}
}
