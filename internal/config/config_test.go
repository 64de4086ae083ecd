package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/job"
)

// write makes a configuration file.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), fileName)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	t.Parallel()
	got, err := File{Path: write(t, `
[limits]
rate = "1.5M"
background = 3
slice = "30s"
per_host = 2
per_job = 4

[jobs]
max_per_machine = 300
max_per_user = 60
max_files_per_job = 200
max_ranges_per_file = 500
max_download_time = "1d12h"
inactivity_timeout = "999d"

[history]
keep = "0s"
jobs = 0

[cost]
metered = "yes"
high = "not_roaming"
normal = "0x80000021"
low = "unrestricted"
foreground = "default"

[battery]
min = 0
saver = false

[quota]
per_user = "1.5T"
period = "week"

[network]
proxy = "http=a.example:80 https=b.example:443"
proxy_bypass = "*.corp.example <local>"
passport_nexus = "https://nexus.example/rdr"
forbid_cleartext = true
mark_background = false

[log]
level = "debug"

[schedule]
low = 2048

[[schedule.work]]
days = "mon-fri"
from = "08:00"
to = "17:30"
high = "unlimited"
normal = "1M"
low = "blocked"

[[schedule.work]]
days = "Friday-mon, wed"
from = "22:00"
to = "06:00"
low = 0

[[schedule.maintenance]]
normal = "500KB"
`)}.Load()
	if err != nil {
		t.Fatal(err)
	}
	const day = 24 * time.Hour
	want := Config{
		Limits:  Limits{Rate: 3 << 19, Background: 3, Slice: 30 * time.Second, PerHost: 2, PerJob: 4},
		Jobs:    Jobs{300, 60, 200, 500, day + 12*time.Hour, 999 * day},
		History: History{},
		Cost: Cost{
			Metered:  job.CostCapped,
			Policies: [4]job.TransferPolicy{job.PolicyAlways, job.PolicyNotRoaming, job.PolicyUnrestricted, job.PolicyUnrestricted},
		},
		Quota:   sched.Quota{PerUser: 3 << 39, Period: sched.Week},
		Network: Network{"http=a.example:80 https=b.example:443", "*.corp.example <local>", "https://nexus.example/rdr", true, false},
		Log:     Log{slog.LevelDebug},
		Schedule: sched.Schedule{
			Work: []sched.Window{
				{
					Days: [7]bool{time.Monday: true, time.Tuesday: true, time.Wednesday: true, time.Thursday: true, time.Friday: true},
					From: 8 * time.Hour, To: 17*time.Hour + 30*time.Minute,
					Rates: sched.Rates{job.Normal: 1 << 20, job.Low: sched.Never},
				},
				{
					Days: [7]bool{time.Friday: true, time.Saturday: true, time.Sunday: true, time.Monday: true, time.Wednesday: true},
					From: 22 * time.Hour, To: 6 * time.Hour,
					Rates: sched.Rates{job.Low: sched.Never},
				},
			},
			Maintenance: []sched.Window{{Days: [7]bool{true, true, true, true, true, true, true}, To: day, Rates: sched.Rates{job.Normal: 500 << 10}}},
			Otherwise:   sched.Rates{job.Low: 2048},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	limits := sched.Limits{
		Background: 3, Slice: 30 * time.Second, Cost: job.CostCapped, Costs: want.Cost.Policies, Quota: want.Quota, Schedule: want.Schedule,
	}
	if diff := cmp.Diff(limits, got.Sched()); diff != "" {
		t.Errorf("Sched (-want +got):\n%s", diff)
	}
}

func TestNoFileIsTheDefault(t *testing.T) {
	t.Parallel()
	for _, path := range []string{filepath.Join(t.TempDir(), "none", fileName), write(t, "")} {
		got, err := File{Path: path}.Load()
		if diff := cmp.Diff(Default(), got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", path, err, diff)
		}
	}
	if _, err := (File{Path: t.TempDir()}).Load(); err == nil {
		t.Error("a folder is taken for an empty file")
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"too little", "[limits]\n\nbackground = 0", "3: limits.background: must be at least 1"},
		{"too much", "[battery]\nmin = 101", "2: battery.min: must be at most 100"},
		{"no number", "[limits]\nper_host = \"8\"", "2: limits.per_host: must be a whole number, without quotes"},
		{"no level", "[log]\nlevel = \"loud\"", `2: log.level: must be "debug", "info", "warn" or "error"`},
		{"no truth", "[battery]\nsaver = 1", "2: battery.saver: must be true or false, without quotes"},
		{"no text", "[network]\nproxy = 1", "2: network.proxy: must be a text in quotes"},
		{"no rate", "[limits]\nrate = \"fast\"", `2: limits.rate: must be "unlimited", or bytes per second like "500K", "2M" or "1.5G"`},
		{"rate of nothing", "[limits]\nrate = 0", `2: limits.rate: must be "unlimited", or bytes per second like "500K", "2M" or "1.5G"`},
		{"negative rate", "[schedule]\nlow = -1", `2: schedule.low: must be "unlimited", "blocked", or bytes per second like "500K", "2M" or "1.5G"`},
		{"endless rate", "[limits]\nrate = \"9e99\"", `2: limits.rate: must be "unlimited", or bytes per second like "500K", "2M" or "1.5G"`},
		{"no duration", "[limits]\nslice = \"d\"", `2: limits.slice: must be a duration like "90s", "10m", "12h" or "30d"`},
		{"negative duration", "[history]\nkeep = \"-1h\"", `2: history.keep: must be a duration like "90s", "10m", "12h" or "30d"`},
		{"too short", "[limits]\nslice = \"10ms\"", "2: limits.slice: must be at least 1s"},
		{"more users' jobs than jobs", "[jobs]\nmax_per_machine = 5\nmax_per_user = 6", "3: jobs.max_per_user: must be at most max_per_machine, which is 5"},
		{"no policy", "[cost]\nlow = \"cheap\"", `2: cost.low: must be one of default, unrestricted, standard, no_surcharge, not_roaming, always, or a mask of BITS's costs like "0x80000021"`},
		{"a policy that allows nothing", "[cost]\nlow = \"0x80000000\"", "2: cost.low: allows no cost at all: the jobs could never run"},
		{"a policy with bits of its own", "[cost]\nlow = \"0x80000121\"", "2: cost.low: has bits of 0x80000121 that are not known"},
		{"maybe metered", "[cost]\nmetered = true", `2: cost.metered: must be "auto", "yes" or "no"`},
		{"no quota", "[quota]\n\nper_user = \"10 gigs\"", `3: quota.per_user: must be "unlimited", or bytes like "500M", "10G" or "1.5T"`},
		{"a quota of nothing", "[quota]\nper_user = 0", `2: quota.per_user: must be "unlimited", or bytes like "500M", "10G" or "1.5T"`},
		{"a negative quota", "[quota]\nper_user = \"-1G\"", `2: quota.per_user: must be "unlimited", or bytes like "500M", "10G" or "1.5T"`},
		{"no period", "[quota]\nper_user = \"1G\"\nperiod = \"year\"", `3: quota.period: must be "day", "week" or "month"`},
		{"a period that is a number", "[quota]\nperiod = 0", `2: quota.period: must be "day", "week" or "month"`},
		{"a quota by another name", "[quota]\nuser = \"1G\"", "2: quota.user: there is no such key; [quota] has per_user, period"},
		{"no proxy", "[network]\nproxy = \"ftp://a\"", "2: network.proxy: ftp: proxies are not supported; use http, https or socks5"},
		{"cleartext login", "[network]\npassport_nexus = \"http://a/\"", `2: network.passport_nexus: must be a URL like "https://login.example/", without a user`},

		{"no time", "[[schedule.work]]\nfrom = \"8\"", `2: schedule.work.from: must be a time of the day like "08:30", at most "24:00"`},
		{"late time", "[[schedule.work]]\nto = \"24:01\"", `2: schedule.work.to: must be a time of the day like "08:30", at most "24:00"`},
		{"an hour too long", "[[schedule.work]]\nto = \"08:60\"", `2: schedule.work.to: must be a time of the day like "08:30", at most "24:00"`},
		{"no day", "[[schedule.work]]\ndays = \"mon-moon\"", `2: schedule.work.days: must be days like "mon-fri" or "sat, sun"`},
		{"empty window", "[[schedule.work]]\nfrom = \"08:00\"\nto = \"08:00\"", "3: schedule.work.to: is the same as from; leave both out for whole days"},
		{"window at the end", "[[schedule.work]]\nfrom = \"24:00\"\nto = \"08:00\"", `2: schedule.work.from: is "24:00"; a window that begins at the end of a day begins at "00:00" of the next`},
		{"second window", "[[schedule.work]]\nlow = 1\n[[schedule.work]]\nlow = -1", `4: schedule.work.low: must be "unlimited", "blocked", or bytes per second like "500K", "2M" or "1.5G"`},
		{"window of one line", "[schedule]\nwork = [\n  {low = 1},\n  {low = -1},\n]", `2: schedule.work.low: must be "unlimited", "blocked", or bytes per second like "500K", "2M" or "1.5G"`},
		{"foreground has no schedule", "[schedule]\nforeground = 1", "2: schedule.foreground: there is no such key; [schedule] has high, low, maintenance, normal, work"},
		{"one window", "[schedule.work]\nlow = 1", "1: schedule.work: must be a list of tables, each begun by [[schedule.work]]"},
		{"a list of other things", "[schedule]\nwork = [1]", "2: schedule.work: must be a list of tables, each begun by [[schedule.work]]"},

		{"misspelt key", "[limits]\nbackgrond = 1", "2: limits.backgrond: there is no such key; did you mean background?"},
		{"capital letters", "[limits]\nRate = 1", "2: limits.Rate: there is no such key; did you mean rate?"},
		{"misspelt table", "[limit]\nrate = 1", "1: limit: there is no such key; did you mean limits?"},
		{"key without table", "background = 1", "1: background: there is no such key; the file has battery, cost, history, jobs, limits, log, network, quota, schedule"},
		{"table that is none", "limits = 1", "1: limits: must be a table, [limits]"},
		{"no TOML", "[limits]\nrate = \n", "2: this is not TOML: expected value but found '\\n' instead"},
		{"twice", "[limits]\nrate = 1\nrate = 2", "3: this is not TOML: Key 'limits.rate' has already been defined."},

		{
			"all at once, in the order of lines", "[network]\nproxy = 1\n[limits]\nper_job = 0\nper_host = 0",
			"2: network.proxy: must be a text in quotes\n4: limits.per_job: must be at least 1\n5: limits.per_host: must be at least 1",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			path := write(t, tc.text)
			_, err := File{Path: path}.Load()
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got error %v", err)
			}
			want := path + ":" + strings.ReplaceAll(tc.want, "\n", "\n"+path+":")
			if got := err.Error(); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestManyProblems(t *testing.T) {
	t.Parallel()
	_, err := parse("ebb.toml", strings.Repeat("[[schedule.work]]\nlow = -1\n", 12))
	got := strings.Split(err.Error(), "\n")
	if len(got) != 11 || !strings.HasPrefix(got[9], "ebb.toml:20: ") || got[10] != "ebb.toml: and 2 more" {
		t.Errorf("got\n%v", err)
	}
}

func TestExample(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../docs/ebb.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	settings, windows, _ := strings.Cut(text, "\n#[[")
	commented := regexp.MustCompile(`(?m)^#([a-z_]+ = .*|\[\[.*)$`)
	uncomment := func(s string) string { return commented.ReplaceAllString(s, "$1") }
	for name, text := range map[string]string{"as it is": text, "with its settings": uncomment(settings)} {
		got, err := parse("example", text)
		if diff := cmp.Diff(Default(), got); err != nil || diff != "" {
			t.Errorf("%s: %v (-default +got):\n%s", name, err, diff)
		}
	}
	c, err := parse("example", uncomment(settings+"\n#[["+windows))
	if err != nil || len(c.Schedule.Work) != 1 || len(c.Schedule.Maintenance) != 1 {
		t.Errorf("with its windows: %v, %+v", err, c.Schedule)
	}
	for _, table := range []string{"limits", "jobs", "history", "cost", "battery", "quota", "network", "schedule"} {
		_, err := parse("", "["+table+"]\nunheard_of = 1") // tells all that there are
		_, known, _ := strings.Cut(err.Error(), "["+table+"] has ")
		_, section, _ := strings.Cut(text, "["+table+"]\n")
		for key := range strings.SplitSeq(known, ", ") {
			if !strings.Contains(section, "#"+key+" = ") && !strings.Contains(section, "."+key+"]]") {
				t.Errorf("%s.%s is missing", table, key)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	example, err := os.ReadFile("../../docs/ebb.example.toml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(strings.ReplaceAll(string(example), "\n#", "\n"))
	f.Add("a.'b'.\"c\\\"\" = \"\"\"x\\\"\n\"\"\"\"\"\n[[a.x]]\ny = [ # ]\n'''\n''', {z = 1}]\nq = 1")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := parse("f", text)
		var problems Problems
		if err == nil || !errors.As(err, &problems) {
			return
		}
		for _, p := range problems {
			if p.Line < 1 || p.Line > 1+strings.Count(text, "\n") {
				t.Errorf("line %d in %q: %v", p.Line, text, p)
			}
		}
	})
}
