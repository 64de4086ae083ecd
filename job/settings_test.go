package job_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ebb-transfer/ebb/job"
)

func TestNotifyCommandIsAWholePathAndNoShell(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		argv []string
		want job.Code
	}{
		{nil, job.OK},
		{[]string{"/usr/bin/logger", "done"}, job.OK},
		{[]string{`C:\Program Files\tool.exe`}, job.OK},
		{[]string{"logger"}, job.InvalidArg},
		{[]string{""}, job.InvalidArg},
		{[]string{"./logger"}, job.InvalidArg},
		{[]string{`C:\done.BAT`}, job.InvalidArg},
		{[]string{"/bin/true", "a\x00b"}, job.InvalidArg},
		{[]string{"/bin/true", strings.Repeat("x", 4000)}, job.StringTooLong},
	} {
		s := job.DefaultSettings()
		s.NotifyCommand = c.argv
		_, err := job.New("id", "uid:1", job.Download, s, time.Unix(1, 0))
		var got job.Code
		if refusal := (*job.Error)(nil); errors.As(err, &refusal) {
			got = refusal.Code
		}
		if got != c.want {
			t.Errorf("%q: %v, want %v", c.argv, got, c.want)
		}
	}
}

func TestDeadlineCanBeWritten(t *testing.T) {
	t.Parallel()
	s := job.DefaultSettings()
	s.Deadline = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) // RFC 3339 ends before
	var refusal *job.Error
	if _, err := job.New("id", "uid:1", job.Download, s, time.Unix(1, 0)); !errors.As(err, &refusal) || refusal.Code != job.InvalidArg {
		t.Errorf("a deadline in the year 10000: %v, want E_INVALIDARG", err)
	}
}
