//go:build !windows

package bitsadmin

import "os"

// understandsSequences reports whether a terminal obeys control sequences: all but the dumb ones do.
func understandsSequences(*os.File) bool { return os.Getenv("TERM") != "dumb" }
