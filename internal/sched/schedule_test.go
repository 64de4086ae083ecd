package sched

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ebb-transfer/ebb/job"
)

// window reads "mon tue 22:00-06:00", with * for all days; normal jobs get rate in it.
func window(t testing.TB, text string, rate int64) Window {
	t.Helper()
	fields := strings.Fields(text)
	from, to, _ := strings.Cut(fields[len(fields)-1], "-")
	w := Window{Rates: Rates{job.Normal: rate}, From: timeOfDay(t, from), To: timeOfDay(t, to)}
	for day := range w.Days {
		short := strings.ToLower(time.Weekday(day).String()[:3])
		w.Days[day] = fields[0] == "*" || slices.Contains(fields, short)
	}
	return w
}

func timeOfDay(t testing.TB, text string) time.Duration {
	t.Helper()
	var h, m int
	if _, err := fmt.Sscanf(text, "%d:%d", &h, &m); err != nil {
		t.Fatal(err)
	}
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute
}

// in is the moment that a clock on a wall of that zone shows.
func in(t interface{ Fatal(...any) }, zone, wall string) time.Time {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", wall, loc)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// changes follows a schedule from one change to the next.
func changes(s Schedule, from, until time.Time) []string {
	var out []string
	for at := from; ; {
		was := s.rates(at)
		at = s.next(at, func(r Rates) bool { return r != was })
		if at.IsZero() || !at.Before(until) {
			return out
		}
		out = append(out, change(at, s.rates(at)))
	}
}

func change(at time.Time, r Rates) string {
	return fmt.Sprint(at.Format("Mon 2 15:04 MST "), r[job.Normal])
}

func TestScheduleFollowsTheWallClock(t *testing.T) {
	t.Parallel()
	const berlin, newYork = "Europe/Berlin", "America/New_York"
	work := func(windows ...Window) Schedule { return Schedule{Work: windows} }
	for _, tc := range []struct {
		name     string
		schedule Schedule
		zone     string
		from, to string
		want     []string
	}{
		{
			name: "office hours end at night and for the weekend", schedule: work(window(t, "mon tue wed thu fri 08:00-17:00", 1)),
			zone: "UTC", from: "2026-03-05 12:00", to: "2026-03-09 09:00",
			want: []string{"Thu 5 17:00 UTC 0", "Fri 6 08:00 UTC 1", "Fri 6 17:00 UTC 0", "Mon 9 08:00 UTC 1"},
		},
		{
			name: "over midnight", schedule: work(window(t, "mon 22:00-06:00", 1)),
			zone: "UTC", from: "2026-03-02 00:00", to: "2026-03-09 12:00",
			want: []string{"Mon 2 22:00 UTC 1", "Tue 3 06:00 UTC 0"},
		},
		{
			name: "over the end of the week", schedule: work(window(t, "sat 22:00-06:00", 1)),
			zone: "UTC", from: "2026-03-07 12:00", to: "2026-03-09 12:00",
			want: []string{"Sat 7 22:00 UTC 1", "Sun 8 06:00 UTC 0"},
		},
		{
			name: "to midnight is not over it", schedule: work(window(t, "sun 22:00-24:00", 1)),
			zone: "UTC", from: "2026-03-08 12:00", to: "2026-03-09 12:00",
			want: []string{"Sun 8 22:00 UTC 1", "Mon 9 00:00 UTC 0"},
		},
		{
			name: "windows that meet leave no gap", schedule: work(window(t, "fri 18:00-24:00", 1), window(t, "sat sun 00:00-24:00", 1), window(t, "mon 00:00-07:00", 1)),
			zone: "UTC", from: "2026-03-06 12:00", to: "2026-03-10 12:00",
			want: []string{"Fri 6 18:00 UTC 1", "Mon 9 07:00 UTC 0"},
		},
		{
			name: "from a time to itself is a whole day", schedule: work(window(t, "wed 12:00-12:00", 1)),
			zone: "UTC", from: "2026-03-04 00:00", to: "2026-03-10 12:00",
			want: []string{"Wed 4 12:00 UTC 1", "Thu 5 12:00 UTC 0"},
		},
		{name: "always open", schedule: work(window(t, "* 00:00-24:00", 1)), zone: "UTC", from: "2026-03-04 00:00", to: "2026-04-10 12:00"},
		{name: "no day at all", schedule: work(window(t, "00:00-24:00", 1)), zone: "UTC", from: "2026-03-04 00:00", to: "2026-04-10 12:00"},
		{
			name: "the first window in the list decides", schedule: work(window(t, "* 10:00-12:00", 1), window(t, "* 09:00-13:00", 2)),
			zone: "UTC", from: "2026-03-04 00:00", to: "2026-03-05 00:00",
			want: []string{"Wed 4 09:00 UTC 2", "Wed 4 10:00 UTC 1", "Wed 4 12:00 UTC 2", "Wed 4 13:00 UTC 0"},
		},
		{
			name: "maintenance overrides work, and work the rest", schedule: Schedule{
				Work: []Window{window(t, "* 09:00-17:00", 1)}, Maintenance: []Window{window(t, "* 16:00-18:00", 2)}, Otherwise: Rates{job.Normal: 3},
			},
			zone: "UTC", from: "2026-03-04 00:00", to: "2026-03-05 00:00",
			want: []string{"Wed 4 09:00 UTC 1", "Wed 4 16:00 UTC 2", "Wed 4 18:00 UTC 3"},
		},
		{
			name: "the hour that the clocks leave out", schedule: work(window(t, "sun 02:00-03:00", 1)),
			zone: berlin, from: "2026-03-22 12:00", to: "2026-04-06 00:00",
			want: []string{"Sun 5 02:00 CEST 1", "Sun 5 03:00 CEST 0"},
		},
		{
			name: "a window that begins in the hour left out", schedule: work(window(t, "sun 02:30-04:00", 1)),
			zone: berlin, from: "2026-03-29 00:00", to: "2026-03-30 00:00",
			want: []string{"Sun 29 03:00 CEST 1", "Sun 29 04:00 CEST 0"},
		},
		{
			name: "a window that ends in the hour left out", schedule: work(window(t, "sun 01:00-02:30", 1)),
			zone: newYork, from: "2026-03-08 00:00", to: "2026-03-09 00:00",
			want: []string{"Sun 8 01:00 EST 1", "Sun 8 03:00 EDT 0"},
		},
		{
			name: "the hour that comes twice", schedule: work(window(t, "sun 02:00-03:00", 1)),
			zone: berlin, from: "2026-10-25 00:00", to: "2026-10-26 00:00",
			want: []string{"Sun 25 02:00 CEST 1", "Sun 25 03:00 CET 0"},
		},
		{
			name: "a part of the hour that comes twice", schedule: work(window(t, "sun 01:30-01:45", 1)),
			zone: newYork, from: "2026-11-01 00:00", to: "2026-11-02 00:00",
			want: []string{"Sun 1 01:30 EDT 1", "Sun 1 01:45 EDT 0", "Sun 1 01:30 EST 1", "Sun 1 01:45 EST 0"},
		},
		{
			name: "the clocks go back into a window", schedule: work(window(t, "* 22:00-02:30", 1)),
			zone: berlin, from: "2026-10-24 12:00", to: "2026-10-25 12:00",
			want: []string{"Sat 24 22:00 CEST 1", "Sun 25 02:30 CEST 0", "Sun 25 02:00 CET 1", "Sun 25 02:30 CET 0"},
		},
		{
			name: "a day without midnight", schedule: work(window(t, "sun 00:00-01:00", 1), window(t, "sat 23:00-24:00", 2)),
			zone: "Africa/Cairo", from: "2026-04-23 12:00", to: "2026-04-27 00:00", // Friday the 24th begins at 01:00
			want: []string{"Sat 25 23:00 EEST 2", "Sun 26 00:00 EEST 1", "Sun 26 01:00 EEST 0"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := changes(tc.schedule, in(t, tc.zone, tc.from), in(t, tc.zone, tc.to))
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}

// A schedule must not be missed by the time that a machine slept, or that its clock was set forward by.
func TestScheduleCountsNoPassingTime(t *testing.T) {
	t.Parallel()
	s := Schedule{Work: []Window{window(t, "* 09:00-17:00", 1)}}
	next := s.next(time.Now(), func(Rates) bool { return true })
	if text := next.String(); strings.Contains(text, "m=") {
		t.Errorf("the next change is %s, with a reading of the monotonic clock", text)
	}
}

// minute is what a clock on the wall shows then.
type minute struct {
	at    time.Time
	shown string // as 15:04
	today time.Weekday
}

func minuteAt(at time.Time) minute { return minute{at, at.Format("15:04"), at.Weekday()} }

func threeWeeksFrom(at time.Time) []minute {
	out := make([]minute, 3*7*24*60)
	for i := range out {
		out[i] = minuteAt(at.Add(time.Duration(i) * time.Minute))
	}
	return out
}

// naiveRates looks at what a clock on the wall shows, in words.
func naiveRates(s Schedule) func(minute) Rates {
	type words struct{ from, to string }
	word := func(d time.Duration) string { return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60) }
	windows := slices.Concat(s.Maintenance, s.Work)
	spans := make([]words, len(windows))
	for i, w := range windows {
		spans[i] = words{word(w.From), word(w.To)}
	}
	yesterday := []time.Weekday{6, 0, 1, 2, 3, 4, 5}
	return func(m minute) Rates {
		for i, w := range windows {
			overnight := spans[i].to <= spans[i].from
			begun, over := m.shown >= spans[i].from, m.shown >= spans[i].to
			switch {
			case !overnight && w.Days[m.today] && begun && !over:
				return w.Rates
			case overnight && (w.Days[m.today] && begun || w.Days[yesterday[m.today]] && !over):
				return w.Rates
			}
		}
		return s.Otherwise
	}
}

func drawSchedule(t *rapid.T, times *rapid.Generator[time.Duration]) Schedule {
	rate := rapid.SampledFrom([]int64{Never, 0, 1000, 2000})
	rates := rapid.Custom(func(t *rapid.T) Rates {
		return Rates{0, rate.Draw(t, "high"), rate.Draw(t, "normal"), rate.Draw(t, "low")}
	})
	windows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Window {
		w := Window{From: times.Draw(t, "from"), To: times.Draw(t, "to"), Rates: rates.Draw(t, "rates")}
		for day := range w.Days {
			w.Days[day] = rapid.Bool().Draw(t, "day")
		}
		w.From %= 24 * time.Hour
		return w
	}), 0, 3)
	return Schedule{Work: windows.Draw(t, "work"), Maintenance: windows.Draw(t, "maintenance"), Otherwise: rates.Draw(t, "otherwise")}
}

func TestScheduleAsEveryMinuteOfThreeWeeks(t *testing.T) {
	t.Parallel()
	var spans [][]minute
	for _, begin := range [][2]string{ // not long before the clocks change
		{"UTC", "2026-02-25 13:07"}, // where they never do
		{"Europe/Berlin", "2026-03-21 00:00"},
		{"Europe/Berlin", "2026-10-17 23:59"},
		{"America/New_York", "2026-03-01 02:00"},
		{"America/New_York", "2026-10-24 12:30"},
		{"Australia/Lord_Howe", "2026-03-30 02:00"}, // by half an hour
		{"Australia/Lord_Howe", "2026-09-29 01:45"},
		{"America/Sao_Paulo", "2018-10-28 00:00"}, // at midnight
		{"America/Sao_Paulo", "2018-02-10 00:00"},
	} {
		spans = append(spans, threeWeeksFrom(in(t, begin[0], begin[1])))
	}
	times := rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.OneOf(rapid.IntRange(0, 24*60), rapid.SampledFrom([]int{0, 60, 90, 120, 150, 180, 24 * 60})).Draw(t, "minute")) * time.Minute
	})
	rapid.Check(t, func(t *rapid.T) {
		s := drawSchedule(t, times)
		span := spans[rapid.IntRange(0, len(spans)-1).Draw(t, "span")]
		naive := naiveRates(s)
		var want []string
		was := naive(span[0])
		for i, m := range span {
			is := naive(m)
			if i%7 == 0 && s.rates(m.at) != is {
				t.Fatalf("at %v the rates are %v, naively %v", m.at, s.rates(m.at), is)
			}
			if is != was {
				want = append(want, change(m.at, is))
			}
			was = is
		}
		from, until := span[0].at, span[len(span)-1].at.Add(time.Minute)
		if diff := cmp.Diff(want, changes(s, from, until)); diff != "" {
			t.Errorf("changes (-naive +got):\n%s", diff)
		}
	})
}

func BenchmarkScheduleNext(b *testing.B) {
	s := Schedule{Work: []Window{window(b, "mon tue wed thu fri 08:00-17:00", 1)}, Maintenance: []Window{window(b, "sat 22:00-06:00", 1)}}
	now := in(b, "Europe/Berlin", "2026-03-06 18:00")
	for b.Loop() {
		s.next(now, func(r Rates) bool { return r[job.Normal] == 1 })
	}
}
