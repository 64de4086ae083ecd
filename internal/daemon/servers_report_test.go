//go:build integration && unix

package daemon_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
)

// columns are what is tried at every place.
var columns = []string{"right", "missing", "wrong", "300 files", "connections", "unknown CA", "restart", "kill -9"}

// report is a table of what was tried where, and how it went.
type report struct {
	rows []*place

	mu    sync.Mutex // guards cells
	cells map[string]string
}

// step runs f as a subtest and notes its result: what f says, or that it failed.
func (r *report) step(t *testing.T, p *place, column string, f func(t *testing.T) string) {
	t.Helper()
	result := "FAIL"
	t.Run(column, func(t *testing.T) {
		said := f(t)
		if !t.Failed() {
			result = said
		}
	})
	r.note(p, column, result)
}

func (r *report) note(p *place, column, result string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cells == nil {
		r.cells = map[string]string{}
	}
	r.cells[p.name+column] = result
}

// print shows the table, and writes it to the file that EBB_SERVERS_TABLE names.
func (r *report) print(t *testing.T) {
	t.Helper()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "\t"+strings.Join(columns, "\t"))
	for _, p := range r.rows {
		cells := []string{p.name}
		for _, c := range columns {
			cell, ok := r.cells[p.name+c]
			if !ok {
				cell = "-"
			}
			cells = append(cells, cell)
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + b.String())
	if name := os.Getenv("EBB_SERVERS_TABLE"); name != "" {
		if err := os.WriteFile(name, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
