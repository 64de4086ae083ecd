package sched

import (
	"fmt"
	"strings"
	"time"
)

// Quota bounds what the jobs of one owner may transfer in a period. Unlike the schedule it exempts nobody: what a byte costs
// does not depend on the priority of the job that it came for. The zero value bounds nothing.
type Quota struct {
	PerUser int64 // bytes; 0 is no bound
	Period  Period
}

// Period is what a quota is for. It goes by the clock on the wall, in the location of the time that it is asked about.
type Period int

// The periods.
const (
	Month Period = iota // from the first
	Week                // from Monday
	Day
)

// Periods are all of them.
func Periods() []Period { return []Period{Month, Week, Day} }

// String is the period's name, such as "month".
func (p Period) String() string {
	switch p {
	case Month:
		return "month"
	case Week:
		return "week"
	case Day:
		return "day"
	default:
		return fmt.Sprintf("Period(%d)", int(p))
	}
}

// Since is the first day of the period of now, as [time.DateOnly]. It is a day and no moment, for it stays the same wherever
// the machine is taken.
func (p Period) Since(now time.Time) string {
	year, month, day := now.Date()
	switch p {
	case Month:
		day = 1
	case Week:
		day -= int(now.Weekday()+6) % 7
	case Day:
	}
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// end is the first moment of the period after that of now.
func (p Period) end(now time.Time) time.Time {
	since, at := p.Since(now), now.Round(0) // the clock on the wall counts, not the time that passed
	for p.Since(at) <= since {
		at = later(at, 24*time.Hour-sinceMidnight(at))
	}
	return at
}

// Used is what the jobs of an owner have transferred in a period.
type Used struct {
	Since string // the first day of the period, as of [Period.Since]; "" when nothing was counted yet
	Bytes int64
}

// In is u as it counts in the period of now: as nothing if that has begun later. A period that is still to come, which is so
// once the clock was set back, counts as that of now: no clock gives a quota back.
func (u Used) In(p Period, now time.Time) Used {
	since := p.Since(now)
	if u.Since < since {
		u.Bytes = 0
	}
	return Used{since, u.Bytes}
}

// Exhausted reports whether an owner who used so much may transfer no more at now.
func (q Quota) Exhausted(u Used, now time.Time) bool {
	return q.PerUser > 0 && u.In(q.Period, now).Bytes >= q.PerUser
}

// over says until when the jobs of an owner whose quota is exhausted may not run.
func (q Quota) over(end time.Time) string {
	return fmt.Sprintf("waits until %s: its owner has used up the %s that everybody has in a %s", end.Format(minuteOf), size(q.PerUser), q.Period)
}

// size is a number of bytes for a person, in units of 1024.
func size(n int64) string {
	if n < 1024 {
		return fmt.Sprintf("%d bytes", n)
	}
	v, unit := float64(n), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if v /= 1024; v < 1024 {
			break
		}
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + unit
}
