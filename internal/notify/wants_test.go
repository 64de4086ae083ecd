package notify

import (
	"testing"

	"github.com/ebb-transfer/ebb/job"
)

func TestWants(t *testing.T) {
	t.Parallel()
	const (
		transferred     = job.NotifyTransferred
		failed          = job.NotifyError
		fileTransferred = job.NotifyFileTransferred
	)
	timedOut := func(j *job.Job) { j.Error = &job.Error{Code: job.Timeout} }
	failedBefore := func(j *job.Job) { j.Error = &job.Error{Code: job.NetworkDisconnected} }
	auto := func(j *job.Job) { j.AutoComplete = true }
	as := func(*job.Job) {}
	tests := []struct {
		name   string
		kind   job.Notice
		change func(*job.Job)
		flags  job.NotifyFlags // that ask for it; without them it is not wanted
	}{
		{"transferred", job.NoticeTransferred, as, transferred},
		{"error", job.NoticeError, as, failed},
		{"file transferred", job.NoticeFileTransferred, as, fileTransferred},
		{"completed by the owner", job.NoticeAcknowledged, as, 0},
		{"completed by itself", job.NoticeAcknowledged, auto, transferred},
		{"transferred, completes by itself", job.NoticeTransferred, auto, transferred},
		{"cancelled by the owner", job.NoticeCancelled, as, 0},
		{"cancelled by the owner after an error", job.NoticeCancelled, failedBefore, 0},
		{"cancelled by its deadline", job.NoticeCancelled, timedOut, failed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for flags := range fileTransferred << 1 {
				var j job.Job
				j.NotifyFlags = flags
				tt.change(&j)
				if Wants(j, tt.kind) {
					t.Errorf("flags %#x: wanted, though there is nobody to tell", flags)
				}
				want := flags&tt.flags != 0 && flags&job.NotifyDisable == 0
				j.NotifyURL = "https://example.com/hook"
				if got := Wants(j, tt.kind); got != want {
					t.Errorf("webhook, flags %#x: %v, want %v", flags, got, want)
				}
				j.NotifyURL, j.NotifyCommand = "", []string{"/bin/true"}
				if got := Wants(j, tt.kind); got != want {
					t.Errorf("command, flags %#x: %v, want %v", flags, got, want)
				}
			}
		})
	}
}
