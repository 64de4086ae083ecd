//go:build integration && unix

package daemon_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// The columns of the table.
const (
	columnRight = iota
	columnWrong
	columnMissing
	columnImplicit
	columnCount
)

const (
	pass   = "✓"
	fail   = "✗"
	noCell = "–"
)

// try fills the cells of a row. ebb must pass each of them; whatever curl does is only noted.
func (row *authRow) try(t *testing.T) {
	for column, try := range []struct {
		name string
		ebb  func(*testing.T)
	}{{"right", row.tryRight}, {"wrong", row.tryWrong}, {"missing", row.tryMissing}, {"implicit", row.tryImplicit}} {
		row.results[column] = [2]string{fail, noCell}
		if t.Run(try.name, try.ebb) {
			row.results[column][0] = pass
		}
		t.Run(try.name+" by curl", func(t *testing.T) { row.results[column][1] = row.curl(t, column) })
	}
}

// print shows the table, and writes it to the file that EBB_AUTH_TABLE names.
func (a *authTable) print(t *testing.T) {
	t.Helper()
	var b strings.Builder
	var notes []string
	a.printRows(&b, &notes, "server", func(row *authRow) bool { return row.proxy == nil })
	a.printRows(&b, &notes, "proxy > server", func(row *authRow) bool { return row.proxy != nil })
	if len(notes) > 0 {
		b.WriteString("Why curl cannot:\n\n")
	}
	for n, note := range notes {
		fmt.Fprintf(&b, "%d. %s\n", n+1, note)
	}
	t.Log("\n" + b.String())
	if name := os.Getenv("EBB_AUTH_TABLE"); name != "" {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func (a *authTable) printRows(b *strings.Builder, notes *[]string, title string, in func(*authRow) bool) {
	fmt.Fprintf(b, "| %s | | | right | curl | wrong | curl | missing | curl | implicit | curl |\n|---|---|---|%s\n", title, strings.Repeat("---|", 2*columnCount))
	for _, row := range a.rows {
		if !in(row) {
			continue
		}
		fmt.Fprintf(b, "| %s | %s | %s |", row.what, row.by, row.how)
		for _, cell := range row.results {
			curl := cell[1]
			if curl == fail && row.curlNote != "" {
				curl += footnote(notes, row.curlNote)
			}
			fmt.Fprintf(b, " %s | %s |", cell[0], curl)
		}
		b.WriteString("\n")
	}
	b.WriteString("\n")
}

// footnote returns the mark of a note, which is the same for all who have it.
func footnote(notes *[]string, note string) string {
	n := slices.Index(*notes, note)
	if n < 0 {
		n = len(*notes)
		*notes = append(*notes, note)
	}
	return string([]rune("¹²³⁴⁵⁶⁷⁸⁹")[n])
}
