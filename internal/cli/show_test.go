package cli

import (
	"slices"
	"testing"

	"github.com/ebb-transfer/ebb/job"
)

// A job that waits for a program to judge certificates says so: its hint tells how to do without.
func TestShowWhoJudgesCertificates(t *testing.T) {
	t.Parallel()
	var s job.Snapshot
	want := row{"server certificates", "judged by a program of the owner's"}
	if slices.Contains(jobRows(s), want) {
		t.Error("shown of a job that asks nobody")
	}
	s.Network.CheckCertificates = true
	if !slices.Contains(jobRows(s), want) {
		t.Errorf("got %v, want %v", jobRows(s), want)
	}
}
