package bitsadmin

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Columns is the width of the terminal that w is, ready for the control sequences that /TRANSFER and /MONITOR draw
// with; 0 when it is none.
func Columns(w io.Writer) int {
	out, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) || !understandsSequences(out) {
		return 0
	}
	columns, _, err := term.GetSize(int(out.Fd()))
	if err != nil {
		return 0
	}
	return columns
}
