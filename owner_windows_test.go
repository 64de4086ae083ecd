package ebb_test

import "io/fs"

func ownerOf(fs.FileInfo) any { return nil }
