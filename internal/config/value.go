package config

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/internal/size"
	"github.com/ebb-transfer/ebb/job"
)

func words(list []string) string { return strings.Join(list, ", ") }

func text(value any) (string, error) {
	if s, is := value.(string); is {
		return s, nil
	}
	return "", errors.New("must be a text in quotes")
}

func truth(value any) (bool, error) {
	if b, is := value.(bool); is {
		return b, nil
	}
	return false, errors.New("must be true or false, without quotes")
}

// whole reads a whole number within bounds.
func whole(least, most int) func(any) (int, error) {
	return func(value any) (int, error) {
		n, is := value.(int64)
		switch {
		case !is:
			return 0, errors.New("must be a whole number, without quotes")
		case n < int64(least):
			return 0, fmt.Errorf("must be at least %d", least)
		case n > int64(most):
			return 0, fmt.Errorf("must be at most %d", most)
		}
		return int(n), nil
	}
}

// span reads a duration in Go's notation, which may begin with days: "30d", "1d12h", "90s".
func span(least time.Duration) func(any) (time.Duration, error) {
	wrong := errors.New(`must be a duration like "90s", "10m", "12h" or "30d"`)
	return func(value any) (time.Duration, error) {
		s, is := value.(string)
		if !is {
			return 0, wrong
		}
		var days, rest time.Duration
		if number, after, found := strings.Cut(s, "d"); found {
			n, err := strconv.ParseUint(number, 10, 16)
			if err != nil {
				return 0, wrong
			}
			days, s = time.Duration(n)*24*time.Hour, after
		}
		if s != "" || days == 0 {
			var err error
			if rest, err = time.ParseDuration(s); err != nil || rest < 0 || rest > math.MaxInt64-days {
				return 0, wrong
			}
		}
		if days+rest < least {
			return 0, fmt.Errorf("must be at least %v", least)
		}
		return days + rest, nil
	}
}

const likeRate = `like "500K", "2M" or "1.5G"`

// rate reads bytes per second.
func rate(value any) (int64, error) {
	if n, is := value.(int64); is && n > 0 {
		return n, nil
	}
	s, _ := value.(string)
	if s == "unlimited" {
		return 0, nil
	}
	if n, ok := size.Parse(s); ok && n > 0 {
		return n, nil
	}
	return 0, fmt.Errorf(`must be "unlimited", or bytes per second %s`, likeRate)
}

// priorityRate reads bytes per second, or that there are none.
func priorityRate(value any) (int64, error) {
	if value == int64(0) || value == "blocked" {
		return sched.Never, nil
	}
	n, err := rate(value)
	if err != nil {
		return 0, fmt.Errorf(`must be "unlimited", "blocked", or bytes per second %s`, likeRate)
	}
	return n, nil
}

// quota reads bytes, of which there are at least one.
func quota(value any) (int64, error) {
	n, err := rate(value)
	if err != nil {
		return 0, errors.New(`must be "unlimited", or bytes like "500M", "10G" or "1.5T"`)
	}
	return n, nil
}

func quotaPeriod(value any) (sched.Period, error) {
	for _, p := range sched.Periods() {
		if value == p.String() {
			return p, nil
		}
	}
	return 0, errors.New(`must be "day", "week" or "month"`)
}

// timeOfDay reads 00:00 to 24:00.
func timeOfDay(value any) (time.Duration, error) {
	s, _ := value.(string)
	hour, minute, found := strings.Cut(s, ":")
	h, errHour := strconv.ParseUint(hour, 10, 8)
	m, errMinute := strconv.ParseUint(minute, 10, 8)
	if !found || len(hour) > 2 || len(minute) != 2 || errHour != nil || errMinute != nil || m > 59 || h*60+m > 24*60 {
		return 0, errors.New(`must be a time of the day like "08:30", at most "24:00"`)
	}
	return time.Duration(h*60+m) * time.Minute, nil
}

// weekdays reads "mon-fri", "sat, sun" or "fri-mon".
func weekdays(value any) (days [7]bool, err error) {
	s, _ := value.(string)
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, ok := weekday(from)
		last := first
		if isRange && ok {
			last, ok = weekday(to)
		}
		if !ok {
			return days, errors.New(`must be days like "mon-fri" or "sat, sun"`)
		}
		for day := first; ; day = (day + 1) % 7 {
			days[day] = true
			if day == last {
				break
			}
		}
	}
	return days, nil
}

func weekday(name string) (time.Weekday, bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	for day := time.Sunday; day <= time.Saturday; day++ {
		full := strings.ToLower(day.String())
		if name == full || name == full[:3] {
			return day, true
		}
	}
	return 0, false
}

func policy(value any) (p job.TransferPolicy, err error) {
	s, _ := value.(string)
	if err := p.UnmarshalText([]byte(s)); err != nil {
		return 0, fmt.Errorf("must be one of %s, or a mask of BITS's costs like \"0x80000021\"", words(job.TransferPolicyNames()))
	}
	const known = job.PolicyAlways
	switch {
	case p == job.PolicyDefault:
		return job.PolicyAlways, nil
	case p&^known != 0:
		return 0, fmt.Errorf("has bits of %s that are not known", p)
	case !p.Allows(0xFF):
		return 0, fmt.Errorf("allows no cost at all: the jobs could never run")
	}
	return p, nil
}

func metered(value any) (job.Cost, error) {
	switch value {
	case "auto":
		return 0, nil
	case "yes":
		return job.CostCapped, nil
	case "no":
		return job.CostUnrestricted, nil
	}
	return 0, errors.New(`must be "auto", "yes" or "no"`)
}

func proxy(value any) (string, error) {
	s, err := text(value)
	if err != nil || s == job.ProxyPreconfigured || s == job.ProxyNone || s == job.ProxyAuto {
		return s, err
	}
	var wrong *job.Error
	if _, err := job.ParseProxies(s); errors.As(err, &wrong) {
		return "", errors.New(wrong.Text)
	}
	return s, nil
}

func httpsURL(value any) (string, error) {
	s, err := text(value)
	if u, bad := url.Parse(s); err == nil && s != "" && (bad != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
		err = errors.New(`must be a URL like "https://login.example/", without a user`)
	}
	return s, err
}

func logLevel(value any) (slog.Level, error) {
	switch value {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, errors.New(`must be "debug", "info", "warn" or "error"`)
}
