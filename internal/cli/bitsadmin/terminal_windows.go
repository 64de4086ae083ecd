package bitsadmin

import (
	"os"

	"golang.org/x/sys/windows"
)

// understandsSequences makes a console obey control sequences, which Windows does since version 10 when asked.
func understandsSequences(out *os.File) bool {
	console := windows.Handle(out.Fd())
	var mode uint32
	if err := windows.GetConsoleMode(console, &mode); err != nil {
		return false
	}
	return windows.SetConsoleMode(console, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}
