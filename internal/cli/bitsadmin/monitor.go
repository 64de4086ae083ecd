package bitsadmin

import (
	"context"
	"strconv"
	"strings"
	"time"
)

const defaultRefresh = 5 // seconds

// clearScreen moves a terminal's cursor to the beginning and erases what follows (ECMA-48: CUP, ED).
const clearScreen = "\x1b[H\x1b[2J"

// monitor lists the jobs until Ctrl+C ends ctx.
func monitor(ctx context.Context, t *tool, args []string) error {
	allUsers, every, err := monitorArgs(args)
	if err != nil {
		return err
	}
	tick := time.NewTicker(time.Duration(every) * time.Second)
	defer tick.Stop()
	for {
		jobs, err := t.live(ctx, allUsers)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if t.Width > 0 {
			t.printf(clearScreen)
		}
		t.printf("MONITORING BACKGROUND COPY MANAGER(%d second refresh)\n", every)
		for _, j := range jobs {
			t.printf("%s\n", summary(j.Snapshot))
		}
		if t.broken != nil {
			return t.broken
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func monitorArgs(args []string) (allUsers bool, every int, err error) {
	every = defaultRefresh
	for i := 0; i < len(args); i++ {
		switch name := strings.ToUpper(args[i]); {
		case name == "/ALLUSERS":
			allUsers = true
		case name == "/REFRESH" && i+1 < len(args):
			i++
			if every, err = strconv.Atoi(args[i]); err != nil || every < 1 || every > 24*60*60 {
				return false, 0, usage("/MONITOR", "Invalid number of seconds: %s", args[i])
			}
		default:
			return false, 0, usage("/MONITOR", "Invalid argument: %s", args[i])
		}
	}
	return allUsers, every, nil
}
