//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

// report is everything that was measured.
type report struct {
	Started time.Time `json:"started"`
	Machine string    `json:"machine"`
	Version []string  `json:"versions"`
	Tables  []printer `json:"tables"`
}

type printer interface{ markdown(w io.Writer) }

func newReport(ctx context.Context, b *bench) *report {
	r := &report{Started: time.Now(), Machine: runner.Describe() + ", files in " + b.dir}
	seen := map[string]bool{}
	for _, p := range b.programs {
		if !seen[p.path] {
			seen[p.path] = true
			r.Version = append(r.Version, firstLine(ctx, p.path, "--version"))
		}
	}
	r.Version = append(r.Version, firstLine(ctx, b.server.process.cmd.Path, "-v"))
	return r
}

func firstLine(ctx context.Context, name string, args ...string) string {
	out, _ := exec.CommandContext(ctx, name, args...).CombinedOutput() // a program without a version says so itself
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(line)
}

func (r *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(r)
	}
	fmt.Fprintf(w, "Measured %s on %s.\n\n%s.\n", r.Started.Format("2 January 2006"), r.Machine, strings.Join(r.Version, "; "))
	for _, t := range r.Tables {
		fmt.Fprintln(w)
		t.markdown(w)
	}
	return nil
}

// comparison is one case done by several programs in rounds.
type comparison struct {
	Name     string               `json:"case"`
	What     string               `json:"what"`
	Programs []string             `json:"programs"`
	Rounds   []map[string]outcome `json:"rounds"`
}

type outcome struct {
	usage
	Failed string `json:"failed,omitempty"`
}

func (r *report) compare(name, what string, programs []program) *comparison {
	t := &comparison{Name: name, What: what}
	for _, p := range programs {
		t.Programs = append(t.Programs, p.name)
	}
	r.Tables = append(r.Tables, t)
	return t
}

func (t *comparison) add(round int, name string, u usage, err error) {
	for len(t.Rounds) <= round {
		t.Rounds = append(t.Rounds, map[string]outcome{})
	}
	result := outcome{usage: u}
	if err != nil {
		result.Failed = strings.TrimSpace(strings.ReplaceAll(err.Error(), "\n", " "))
	}
	t.Rounds[round][name] = result
}

func (t *comparison) markdown(w io.Writer) {
	fmt.Fprintf(w, "### %s: %s\n\n", t.Name, t.What)
	fmt.Fprintln(w, "| program | wall s (least to most) | CPU s | peak memory | wall / curl | CPU / curl | runs |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|")
	for _, name := range t.Programs {
		var wall, cpu, peak, wallRatio, cpuRatio []float64
		failed := ""
		for _, round := range t.Rounds {
			r, ok := round[name]
			if !ok || r.Failed != "" {
				failed = r.Failed
				continue
			}
			wall, cpu, peak = append(wall, r.Wall.Seconds()), append(cpu, r.CPU.Seconds()), append(peak, float64(r.Peak))
			if base := round["curl"]; base.Failed == "" && base.Wall > 0 {
				wallRatio = append(wallRatio, r.Wall.Seconds()/base.Wall.Seconds())
				cpuRatio = append(cpuRatio, r.CPU.Seconds()/base.CPU.Seconds())
			}
		}
		if len(wall) == 0 {
			fmt.Fprintf(w, "| %s | failed: %.80s | | | | | 0 |\n", name, failed)
			continue
		}
		fmt.Fprintf(w, "| %s | %.4g (%.4g to %.4g) | %.3g | %s | %.2f | %.2f | %d |\n", name, median(wall), slices.Min(wall), slices.Max(wall),
			median(cpu), bytesText(int64(median(peak))), median(wallRatio), median(cpuRatio), len(wall))
	}
}

// table is a case whose rows are figures of their own.
type table struct {
	Name    string     `json:"case"`
	What    string     `json:"what"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

func (r *report) figures(name, what string, columns ...string) *table {
	t := &table{Name: name, What: what, Columns: columns}
	r.Tables = append(r.Tables, t)
	return t
}

func (t *table) row(cells ...string) { t.Rows = append(t.Rows, cells) }

// spread adds a row with the median, the least and the most of some figures.
func (t *table) spread(what string, values []float64) {
	t.row(what, fmt.Sprintf("%.0f", median(values)), fmt.Sprintf("%.0f", slices.Min(values)), fmt.Sprintf("%.0f", slices.Max(values)))
}

func (t *table) markdown(w io.Writer) {
	fmt.Fprintf(w, "### %s: %s\n\n", t.Name, t.What)
	fmt.Fprintf(w, "| %s |\n|%s\n", strings.Join(t.Columns, " | "), strings.Repeat("---|", len(t.Columns)))
	for _, row := range t.Rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(values))
	if mid := len(s) / 2; len(s)%2 == 0 {
		return (s[mid-1] + s[mid]) / 2
	}
	return s[len(s)/2]
}
