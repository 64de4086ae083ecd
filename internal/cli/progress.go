package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/ebb-transfer/ebb"
	"github.com/ebb-transfer/ebb/job"
)

// bars show a job on a terminal: one bar for each file that is being transferred, and one for all of
// them. Elsewhere they show nothing.
type bars struct {
	progress *mpb.Progress // nil: nothing is shown
	out      io.Writer
	total    *bar
	files    map[job.FileID]*bar
}

// bar is one line; its texts are made from the latest figures.
type bar struct {
	*mpb.Bar
	mu  sync.Mutex // guards now, which the bars' own goroutine reads
	now figures
}

// figures are what a line shows.
type figures struct {
	name       string
	have, size int64  // bytes; size may be unknown
	rate       int64  // bytes per second
	note       string // why nothing moves
}

// maxBars is how many files have a bar of their own; jobs with more have only the common one.
const maxBars = 12

const (
	barWidth     = 40 // columns, less on a narrow terminal
	refreshEvery = 250 * time.Millisecond
)

func (a *app) newBars(ctx context.Context, j *ebb.Job) *bars {
	out, ok := a.Stderr.(*os.File)
	if a.json || !ok || !term.IsTerminal(int(out.Fd())) {
		return &bars{}
	}
	b := &bars{out: out, files: map[job.FileID]*bar{}}
	b.progress = mpb.NewWithContext(context.WithoutCancel(ctx), mpb.WithOutput(out), mpb.WithWidth(barWidth), mpb.WithRefreshRate(refreshEvery))
	if j.Totals.Files != 1 {
		b.total = b.add()
	}
	return b
}

func (b *bars) add() *bar {
	line := &bar{}
	text := func(of func(figures) string, wc ...decor.WC) decor.Decorator {
		return decor.Any(func(decor.Statistics) string {
			line.mu.Lock()
			defer line.mu.Unlock()
			return of(line.now)
		}, wc...)
	}
	line.Bar = b.progress.AddBar(0,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(text(figures.shortName, decor.WCSyncSpaceR), text(figures.count, decor.WCSyncSpace)),
		mpb.AppendDecorators(text(figures.percent, decor.WCSyncSpace), text(figures.pace)),
	)
	return line
}

func (l *bar) set(now figures) {
	l.mu.Lock()
	l.now = now
	l.mu.Unlock()
	if now.size >= 0 {
		l.SetTotal(max(now.size, 1), false)
	}
	l.SetCurrent(now.have)
}

// shortName fits a file name into its column.
func (f figures) shortName() string {
	const width = 32
	r := []rune(oneLine(f.name))
	if len(r) > width {
		return string(r[:width-12]) + "…" + string(r[len(r)-11:])
	}
	return string(r)
}

func (f figures) count() string {
	if f.size < 0 {
		return bytesText(f.have)
	}
	return bytesText(f.have) + " / " + bytesText(f.size)
}

func (f figures) percent() string {
	if f.size <= 0 {
		return ""
	}
	return fmt.Sprintf("%d %%", 100*f.have/f.size)
}

// pace is the rate and the time left, or what is being waited for.
func (f figures) pace() string {
	switch {
	case f.note != "":
		return "  " + oneLine(f.note)
	case f.rate <= 0:
		return ""
	case f.size < 0:
		return fmt.Sprintf("  %s/s", bytesText(f.rate))
	}
	return fmt.Sprintf("  %s/s  %s", bytesText(f.rate), time.Duration((f.size-f.have)/f.rate+1)*time.Second)
}

// draw shows the job as it is now.
func (b *bars) draw(ctx context.Context, j *ebb.Job) error {
	if b.progress == nil {
		return nil
	}
	if b.total != nil {
		name := fmt.Sprintf("%d of %d files", j.Totals.FilesDone, j.Totals.Files)
		b.total.set(figures{name, j.Transferred, j.Size, j.Rate, j.Waits})
	}
	if j.Totals.Files > maxBars {
		return nil
	}
	for f, err := range j.Files(ctx) {
		if err != nil {
			return err
		}
		b.drawFile(j, f)
	}
	return nil
}

func (b *bars) drawFile(j *ebb.Job, f job.FileSnapshot) {
	line := b.files[f.ID]
	if f.Done || (f.Transferred == 0 && line == nil && j.Totals.Files > 1) { // only the active ones
		if line != nil {
			line.SetTotal(-1, true)
			delete(b.files, f.ID)
		}
		return
	}
	if line == nil {
		line = b.add()
		b.files[f.ID] = line
	}
	now := figures{filepath.Base(f.Local), f.Transferred, f.Size, f.Rate, ""}
	if b.total == nil { // the only file
		now.rate, now.note = j.Rate, j.Waits
	}
	line.set(now)
}

// close takes the bars away.
func (b *bars) close() {
	if b.progress == nil {
		return
	}
	_, _ = io.WriteString(b.out, "\r") // a Ctrl-C has left a ^C in the line that is to be cleared
	for _, line := range b.files {
		line.Abort(true)
	}
	if b.total != nil {
		b.total.Abort(true)
	}
	b.progress.Wait()
}
