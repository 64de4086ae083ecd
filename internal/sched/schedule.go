package sched

// Schedule limits the bandwidth of background priorities at times of the week. The zero value limits nothing.
type Schedule struct{}
