//go:build linux

package main

import (
	"fmt"
	"os"
	"time"
)

// eta tells how long the rest of some work will take.
type eta struct {
	total, finished time.Duration // as planned
	began           time.Time
}

// done notes that a part of the work, as planned, is done.
func (e *eta) done(part time.Duration) { e.finished += part }

// progress tells what has been done, and when the rest will be, on standard error.
func (e *eta) progress(format string, args ...any) {
	left := time.Duration(float64(time.Since(e.began)) / float64(e.finished) * float64(e.total-e.finished)).Round(time.Second)
	fmt.Fprintf(os.Stderr, "%3.0f %%, %s left: %s\n", 100*float64(e.finished)/float64(e.total), left, fmt.Sprintf(format, args...))
}
