package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
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
	total    *bar
	files    map[job.FileID]*bar
}

// bar is one line; its text is made from the latest figures.
type bar struct {
	*mpb.Bar
	name string
	note string
	rate int64
	left int64
}

// maxBars is how many files have a bar of their own; jobs with more have only the common one.
const maxBars = 12

func (a *app) newBars(ctx context.Context, j *ebb.Job) *bars {
	out, ok := a.Stderr.(*os.File)
	if a.json || !ok || !term.IsTerminal(int(out.Fd())) {
		return &bars{}
	}
	b := &bars{files: map[job.FileID]*bar{}}
	b.progress = mpb.NewWithContext(context.WithoutCancel(ctx), mpb.WithOutput(io.Writer(out)), mpb.WithWidth(48), mpb.WithRefreshRate(250*time.Millisecond))
	if j.Totals.Files != 1 {
		b.total = b.add(fmt.Sprintf("%d files", j.Totals.Files))
	}
	return b
}

func (b *bars) add(name string) *bar {
	line := &bar{name: name}
	line.Bar = b.progress.AddBar(0,
		mpb.BarRemoveOnComplete(),
		mpb.PrependDecorators(
			decor.Name(shortName(name), decor.WCSyncSpaceR),
			decor.CountersKibiByte("% .1f / % .1f", decor.WCSyncSpace),
		),
		mpb.AppendDecorators(
			decor.Percentage(decor.WCSyncSpace),
			decor.Any(func(decor.Statistics) string { return line.figures() }),
		),
	)
	return line
}

// figures are the rate and the time left, or what is being waited for.
func (l *bar) figures() string {
	switch {
	case l.note != "":
		return "  " + l.note
	case l.rate <= 0:
		return ""
	case l.left < 0:
		return fmt.Sprintf("  %s/s", bytesText(l.rate))
	}
	return fmt.Sprintf("  %s/s  %s", bytesText(l.rate), time.Duration(l.left/l.rate+1)*time.Second)
}

func (l *bar) set(now, total, rate int64, note string) {
	l.rate, l.note, l.left = rate, note, -1
	if total >= 0 {
		l.left = total - now
		l.SetTotal(max(total, 1), false)
	}
	l.SetCurrent(now)
}

// draw shows the job as it is now.
func (b *bars) draw(ctx context.Context, j *ebb.Job) error {
	if b.progress == nil {
		return nil
	}
	note := ""
	if j.State != job.Transferring {
		note = j.Waits
	}
	if b.total != nil {
		b.total.set(j.Transferred, j.Size, j.Rate, strings.TrimPrefix(fmt.Sprintf("%d of %d  %s", j.Totals.FilesDone, j.Totals.Files, note), " "))
	}
	if j.Totals.Files > maxBars {
		return nil
	}
	for f, err := range j.Files(ctx) {
		if err != nil {
			return err
		}
		b.drawFile(j, f, note)
	}
	return nil
}

func (b *bars) drawFile(j *ebb.Job, f job.FileSnapshot, note string) {
	line := b.files[f.ID]
	if f.Done {
		if line != nil {
			line.SetTotal(-1, true)
			delete(b.files, f.ID)
		}
		return
	}
	if line == nil {
		line = b.add(filepath.Base(f.Local))
		b.files[f.ID] = line
	}
	rate := f.Rate
	if j.Totals.Files == 1 {
		rate = j.Rate
	}
	line.set(f.Transferred, f.Size, rate, note)
}

// close takes the bars away.
func (b *bars) close() {
	if b.progress == nil {
		return
	}
	for _, line := range b.files {
		line.Abort(true)
	}
	if b.total != nil {
		b.total.Abort(true)
	}
	b.progress.Wait()
}

// shortName fits a file name into its column.
func shortName(name string) string {
	const width = 32
	r := []rune(name)
	if len(r) <= width {
		return name
	}
	return string(r[:width-12]) + "…" + string(r[len(r)-11:])
}
