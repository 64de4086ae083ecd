package sched

import "time"

// Never is the rate of a priority that may not run at all.
const Never int64 = -1

// Rates limit the jobs of a priority together, in bytes per second, by [job.Priority]; 0 is no limit, [Never] keeps
// them from running. That of foreground jobs counts for nothing: they are exempt from the schedule, as in BITS.
type Rates [4]int64

// Schedule limits the bandwidth of background priorities at times of the week. The zero value limits nothing.
//
// It is BITS's work, non-work and maintenance schedule, with any number of windows in place of one: an open maintenance
// window decides, else an open work window, else Otherwise. Of several open windows of one kind the first in the
// list decides.
type Schedule struct {
	Work        []Window
	Maintenance []Window
	Otherwise   Rates // at all other times
}

// Window is open at some hours on some days of each week.
//
// It goes by what a clock on the wall shows in the location of Plan's now. So, on the days that
// the clocks change, a window for an hour that is left out does not open, and one for an hour that comes twice is open
// both times.
type Window struct {
	Days [7]bool // on which it opens, by time.Weekday
	// From and To are times of the day, since midnight and at most 24 h. The window closes just as To begins, on the next
	// day when To is not after From.
	From, To time.Duration
	Rates    Rates
}

func (w Window) open(day time.Weekday, at time.Duration) bool {
	if w.From < w.To {
		return w.Days[day] && w.From <= at && at < w.To
	}
	yesterday := (day + 6) % 7
	return w.Days[day] && w.From <= at || w.Days[yesterday] && at < w.To
}

// rates are those of the schedule at a time.
func (s Schedule) rates(now time.Time) Rates {
	day, at := now.Weekday(), sinceMidnight(now)
	for _, windows := range [][]Window{s.Maintenance, s.Work} {
		for _, w := range windows {
			if w.open(day, at) {
				return w.Rates
			}
		}
	}
	return s.Otherwise
}

// horizon is how far ahead something must happen that happens at all: each week's windows are alike, but for those in
// an hour that the clocks leave out.
const horizon = 15 * 24 * time.Hour

// next is the first moment after now with rates that are as wanted; zero for never.
func (s Schedule) next(now time.Time, wanted func(Rates) bool) time.Time {
	if len(s.Work)+len(s.Maintenance) == 0 {
		return time.Time{}
	}
	now = now.Round(0) // the clock on the wall counts, not the time that passed
	for at := s.edge(now); at.Sub(now) < horizon; at = s.edge(at) {
		if wanted(s.rates(at)) {
			return at
		}
	}
	return time.Time{}
}

// edge is the next moment at which a window may open or close: when the clock shows a From or To, or when the clocks
// change. Until then the clock on the wall runs as time passes.
func (s Schedule) edge(now time.Time) time.Time {
	const day = 24 * time.Hour
	wait, at := day, sinceMidnight(now)
	for _, windows := range [][]Window{s.Maintenance, s.Work} {
		for _, w := range windows {
			wait = min(wait, day-(at-w.From+day)%day, day-(at-w.To+day)%day)
		}
	}
	return later(now, wait)
}

// later is when the clock on the wall shows so much more, or when it is changed, if that comes before.
func later(now time.Time, wait time.Duration) time.Time {
	next := now.Add(wait)
	if _, change := now.ZoneBounds(); !change.IsZero() && change.Before(next) {
		return change
	}
	return next
}

// sinceMidnight is what the clock on the wall shows, which is not always how long ago midnight was.
func sinceMidnight(t time.Time) time.Duration {
	h, m, s := t.Clock()
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second + time.Duration(t.Nanosecond())
}
