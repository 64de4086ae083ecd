//go:build linux

// Command bench measures ebb beside curl, aria2c and, where they are installed, wget2 and wget: the same
// downloads from one nginx on the loopback interface, in turns. Within a round every program does the
// same work, one after another, and each is compared with curl in that round only, so that a
// machine with other work to do slows all of them down. What is printed are medians over the rounds.
//
// ebb is measured as it is used: a daemon that keeps its state durable and syncs every file to the disk before it
// calls it done, and a command that waits for it. Its figures are those of both processes. The other
// programs sync nothing; "curl, synced" is curl followed by a sync of its files.
//
// Files: cases.go is what is measured, programs.go how each program is called, meter.go what a
// process costs, server.go nginx, daemon.go the ebb under test, report.go the tables.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/ebb-transfer/ebb/bench/internal/runner"
)

type options struct {
	only   string
	rounds int
	size   int64
	dir    string
	ebb    string
	json   bool
}

func main() {
	o := options{size: 4 << 30}
	flag.StringVar(&o.only, "only", "", "comma-separated `cases`: "+strings.Join(caseNames(), ", "))
	flag.IntVar(&o.rounds, "rounds", 3, "how often each program does each case")
	flag.Func("size", "`size` of the one large file, such as 512M or 4G (default 4G); HTTPS and the crash case take half of it", func(s string) (err error) {
		o.size, err = parseSize(s)
		return err
	})
	flag.StringVar(&o.dir, "dir", os.TempDir(), "`folder` on a real disk for a temporary folder with all files")
	flag.StringVar(&o.ebb, "ebb", "", "ebb `program` to measure (default: built from ./cmd/ebb)")
	flag.BoolVar(&o.json, "json", false, "print JSON instead of tables, with the figures of every round")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is one run of this program.
type bench struct {
	options
	dir      string // of this run; gone afterwards
	ebb      string
	server   *server
	programs []program
	report   *report
}

func run(ctx context.Context, o options) (err error) {
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	if err := onDisk(o.dir); err != nil {
		return err
	}
	b := &bench{options: o}
	if b.dir, err = os.MkdirTemp(o.dir, "ebb-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.ebb, err = runner.Ebb(ctx, b.options.ebb, b.dir); err != nil {
		return err
	}
	if b.programs, err = findPrograms(b.ebb); err != nil {
		return err
	}
	if b.server, err = startServer(ctx, b.dir); err != nil {
		return err
	}
	defer b.server.stop()
	b.report = newReport(ctx, b)
	for _, c := range chosen {
		progress("%s: %s", c.name, c.what)
		if err := c.run(ctx, b); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return b.report.print(os.Stdout, o.json)
}

func choose(only string) ([]benchCase, error) {
	if only == "" {
		return cases(), nil
	}
	all := cases()
	var out []benchCase
	for name := range strings.SplitSeq(only, ",") {
		i := slices.IndexFunc(all, func(c benchCase) bool { return c.name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("-only %s: the cases are %s", name, strings.Join(caseNames(), ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// onDisk refuses a folder in memory, where a sync costs nothing.
func onDisk(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	if st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC {
		return fmt.Errorf("%s is in memory; choose a folder on a disk with -dir", dir)
	}
	return nil
}

func parseSize(s string) (int64, error) {
	number := strings.TrimRight(strings.ToUpper(s), "KMGIB")
	shift, ok := map[string]uint{"": 0, "K": 10, "M": 20, "G": 30}[strings.TrimRight(strings.ToUpper(s)[len(number):], "IB")]
	n, err := strconv.ParseInt(number, 10, 32)
	if !ok || err != nil || n < 1 || n<<shift < 16<<20 {
		return 0, errors.New("write it like 512M or 4G; 16M at least")
	}
	return n << shift, nil
}

// progress tells what goes on, on standard error.
func progress(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
