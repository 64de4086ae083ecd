package config

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/job"
)

// parse reads the text of a file.
func parse(file, text string) (Config, error) {
	t, err := decode(file, text)
	if err != nil {
		return Config{}, err
	}
	c := Default()
	readLimits(t.table("limits"), &c.Limits)
	readJobs(t.table("jobs"), &c.Jobs)
	readHistory(t.table("history"), &c.History)
	readCost(t.table("cost"), &c.Cost)
	readBattery(t.table("battery"), &c.Battery)
	readQuota(t.table("quota"), &c.Quota)
	readSchedule(t.table("schedule"), &c.Schedule)
	readNetwork(t.table("network"), &c.Network)
	readLog(t.table("log"), &c.Log)
	t.close()
	if problems := t.doc.problems; len(problems) > 0 {
		slices.SortFunc(problems, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Key, b.Key)) })
		return Config{}, problems
	}
	return c, nil
}

func readLimits(t *table, l *Limits) {
	defer t.close()
	read(t, "rate", rate, &l.Rate)
	read(t, "background", whole(1, math.MaxInt32), &l.Background)
	read(t, "slice", span(time.Second), &l.Slice)
	read(t, "per_host", whole(1, math.MaxInt32), &l.PerHost)
	read(t, "per_job", whole(1, math.MaxInt32), &l.PerJob)
}

func readJobs(t *table, j *Jobs) {
	defer t.close()
	read(t, "max_per_machine", whole(0, math.MaxInt32), &j.MaxPerMachine)
	read(t, "max_per_user", whole(0, math.MaxInt32), &j.MaxPerUser)
	read(t, "max_files_per_job", whole(0, math.MaxInt32), &j.MaxFilesPerJob)
	read(t, "max_ranges_per_file", whole(0, math.MaxInt32), &j.MaxRangesPerFile)
	read(t, "max_download_time", span(time.Minute), &j.MaxDownloadTime)
	read(t, "inactivity_timeout", span(time.Hour), &j.InactivityTimeout)
	if j.MaxPerMachine > 0 && j.MaxPerUser > j.MaxPerMachine {
		t.refuse("max_per_user", "must be at most max_per_machine, which is %d", j.MaxPerMachine)
	}
}

func readHistory(t *table, h *History) {
	defer t.close()
	read(t, "keep", span(0), &h.Keep)
	read(t, "jobs", whole(0, math.MaxInt32), &h.Jobs)
}

func readCost(t *table, c *Cost) {
	defer t.close()
	read(t, "metered", metered, &c.Metered)
	for _, p := range job.Priorities() {
		read(t, p.String(), policy, &c.Policies[p])
	}
}

func readBattery(t *table, b *Battery) {
	defer t.close()
	read(t, "min", whole(0, 100), &b.Min)
	read(t, "saver", truth, &b.Saver)
}

func readQuota(t *table, q *sched.Quota) {
	defer t.close()
	read(t, "per_user", quota, &q.PerUser)
	read(t, "period", quotaPeriod, &q.Period)
}

func readSchedule(t *table, s *sched.Schedule) {
	defer t.close()
	for _, w := range t.list("maintenance") {
		s.Maintenance = append(s.Maintenance, readWindow(w))
	}
	for _, w := range t.list("work") {
		s.Work = append(s.Work, readWindow(w))
	}
	readRates(t, &s.Otherwise)
}

func readWindow(t *table) sched.Window {
	defer t.close()
	w := sched.Window{Days: [7]bool{true, true, true, true, true, true, true}, To: 24 * time.Hour}
	read(t, "days", weekdays, &w.Days)
	read(t, "from", timeOfDay, &w.From)
	read(t, "to", timeOfDay, &w.To)
	readRates(t, &w.Rates)
	switch {
	case w.From == w.To:
		t.refuse("to", "is the same as from; leave both out for whole days")
	case w.From == 24*time.Hour:
		t.refuse("from", `is "24:00"; a window that begins at the end of a day begins at "00:00" of the next`)
	}
	return w
}

// readRates reads those of the background priorities; foreground jobs are exempt.
func readRates(t *table, r *sched.Rates) {
	for _, p := range job.Priorities() {
		if p != job.Foreground {
			read(t, p.String(), priorityRate, &r[p])
		}
	}
}

func readNetwork(t *table, n *Network) {
	defer t.close()
	read(t, "proxy", proxy, &n.Proxy)
	read(t, "proxy_bypass", text, &n.ProxyBypass)
	read(t, "passport_nexus", httpsURL, &n.PassportNexus)
	read(t, "forbid_cleartext", truth, &n.ForbidCleartext)
	read(t, "mark_background", truth, &n.MarkBackground)
}

func readLog(t *table, l *Log) {
	defer t.close()
	read(t, "level", logLevel, &l.Level)
}
