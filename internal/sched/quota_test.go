package sched

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ebb-transfer/ebb/job"
)

func TestPeriods(t *testing.T) {
	t.Parallel()
	const berlin = "Europe/Berlin"
	for _, tc := range []struct {
		period     Period
		zone, now  string
		since, end string // as the clock on the wall shows them
	}{
		{Day, "UTC", "2026-11-23 05:39", "2026-11-23", "2026-11-24 00:00 UTC"},
		{Day, "UTC", "2026-11-23 00:00", "2026-11-23", "2026-11-24 00:00 UTC"},
		{Day, "UTC", "2026-12-31 23:59", "2026-12-31", "2027-01-01 00:00 UTC"},
		{Week, "UTC", "2026-11-23 00:00", "2026-11-23", "2026-11-30 00:00 UTC"}, // a Monday
		{Week, "UTC", "2026-11-29 23:59", "2026-11-23", "2026-11-30 00:00 UTC"},
		{Week, "UTC", "2027-01-01 12:00", "2026-12-28", "2027-01-04 00:00 UTC"},
		{Month, "UTC", "2026-11-23 05:39", "2026-11-01", "2026-12-01 00:00 UTC"},
		{Month, "UTC", "2026-12-31 23:59", "2026-12-01", "2027-01-01 00:00 UTC"},
		{Month, "UTC", "2028-02-29 12:00", "2028-02-01", "2028-03-01 00:00 UTC"},
		{Month, berlin, "2026-12-01 00:30", "2026-12-01", "2027-01-01 00:00 CET"}, // in UTC it is November

		{Day, berlin, "2026-03-29 01:59", "2026-03-29", "2026-03-30 00:00 CEST"}, // a day of 23 hours
		{Day, berlin, "2026-10-25 01:00", "2026-10-25", "2026-10-26 00:00 CET"},  // one of 25
		{Week, berlin, "2026-03-28 12:00", "2026-03-23", "2026-03-30 00:00 CEST"},
		{Month, berlin, "2026-03-01 00:00", "2026-03-01", "2026-04-01 00:00 CEST"},
		{Day, "Africa/Cairo", "2026-04-23 12:00", "2026-04-23", "2026-04-24 01:00 EEST"},     // the next one has no midnight
		{Day, "America/Sao_Paulo", "2018-11-03 12:00", "2018-11-03", "2018-11-04 01:00 -02"}, // nor has this
		{Day, "America/Sao_Paulo", "2018-02-17 12:00", "2018-02-17", "2018-02-18 00:00 -03"}, // 23:00 comes twice
		{Day, "America/St_Johns", "2010-11-07 00:00", "2010-11-07", "2010-11-08 00:00 NST"},  // for a minute; then it is the 6th again
		{Day, "Asia/Beirut", "2026-10-24 12:00", "2026-10-24", "2026-10-25 00:00 EET"},       // and here, before it
	} {
		now := in(t, tc.zone, tc.now)
		if got := tc.period.Since(now); got != tc.since {
			t.Errorf("the %s of %v begins on %s, want %s", tc.period, now, got, tc.since)
		}
		if got := tc.period.end(now).Format("2006-01-02 15:04 MST"); got != tc.end {
			t.Errorf("the %s of %v ends at %s, want %s", tc.period, now, got, tc.end)
		}
	}
}

func TestUsedInAPeriod(t *testing.T) {
	t.Parallel()
	now := in(t, "UTC", "2026-11-23 12:00")
	for _, tc := range []struct {
		used Used
		want Used
	}{
		{Used{}, Used{"2026-11-01", 0}},
		{Used{"2026-10-31", 7}, Used{"2026-11-01", 0}},
		{Used{"2026-11-01", 7}, Used{"2026-11-01", 7}},
		{Used{"2026-11-23", 7}, Used{"2026-11-01", 7}}, // the quota was one of a day before
		{Used{"2100-01-01", 7}, Used{"2026-11-01", 7}}, // the clock was wrong before
	} {
		if got := tc.used.In(Month, now); got != tc.want {
			t.Errorf("%v counts as %v, want %v", tc.used, got, tc.want)
		}
	}
}

// TestQuotaEnds: the plan is looked at again when the period ends, and then the jobs go on.
func TestQuotaEnds(t *testing.T) {
	t.Parallel()
	mine := waits(1, job.Normal, 0)
	mine.Owner = "uid:7"
	facts := Facts{Used: map[string]Used{"uid:7": {"2026-03-01", 5}, "uid:8": {"2026-03-01", 4}}}
	limits := Limits{Quota: Quota{5, Day}}
	d := Plan(t0, []Candidate{mine}, facts, limits)
	if len(d.Run) > 0 || !d.Again.Equal(at(12*3600)) {
		t.Errorf("%v run, and the next look is at %v", d.Run, d.Again)
	}
	if d := Plan(at(12*3600-1), []Candidate{mine}, facts, limits); len(d.Run) > 0 {
		t.Errorf("a second before the end %v run", d.Run)
	}
	if d := Plan(d.Again, []Candidate{mine}, facts, limits); len(d.Run) != 1 || len(d.Blocked) > 0 || !d.Again.IsZero() {
		t.Errorf("at the end %v run, %v are blocked, and the next look is at %v", d.Run, d.Blocked, d.Again)
	}
}

// TestPeriodsAsEveryMinute: a period ends in the first minute of another one, also when the clocks change.
func TestPeriodsAsEveryMinute(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Beirut", "Africa/Cairo", "Australia/Lord_Howe", "America/Havana"}).Draw(t, "zone")
		start := in(t, zone, rapid.SampledFrom([]string{"2018-02-17 22:10", "2018-11-03 22:10", "2026-03-28 20:00", "2026-04-23 21:00", "2026-10-24 22:30", "2026-10-31 22:00"}).Draw(t, "start"))
		p := rapid.SampledFrom(Periods()).Draw(t, "period")
		now := start.Add(time.Duration(rapid.IntRange(0, 600).Draw(t, "minutes")) * time.Minute)
		want := now
		for p.Since(want) <= p.Since(now) {
			want = want.Add(time.Minute)
		}
		if got := p.end(now); !got.Equal(want) {
			t.Fatalf("the %s of %v ends at %v, want %v", p, now, got, want)
		}
	})
}
