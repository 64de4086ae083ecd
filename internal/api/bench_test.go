package api_test

import (
	"fmt"
	"testing"
)

// One connection that creates one job after the other, each with a file.
func BenchmarkCreate(b *testing.B) {
	s := newService(b)
	n := 0
	for b.Loop() {
		n++
		s.alice.create("https://a.invalid/f", s.file(fmt.Sprint(n)))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
}

// A job by its whole ID, among many.
func BenchmarkGet(b *testing.B) {
	s := newService(b)
	id := string(s.alice.do("POST", "/v1/jobs", `{}`).job().ID)
	for range 10_000 {
		s.alice.do("POST", "/v1/jobs", `{}`)
	}
	for b.Loop() {
		s.alice.do("GET", "/v1/jobs/"+id, "").job()
	}
}
