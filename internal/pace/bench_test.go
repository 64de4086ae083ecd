package pace

import (
	"math"
	"testing"
)

// The unlimited path: what a loop of 1 MiB reads pays for being paced.
func BenchmarkUnlimited(b *testing.B) {
	root := New(0)
	b.RunParallel(func(pb *testing.PB) {
		job := root.Child(0).Child(0)
		ctx := b.Context()
		for pb.Next() {
			granted, err := job.Wait(ctx, mib)
			if err != nil {
				b.Fatal(err)
			}
			job.Took(granted, mib)
		}
	})
}

// A limit that never makes anybody wait: 16 KiB for each operation.
func BenchmarkLimited(b *testing.B) {
	job := New(math.MaxInt64).Child(0).Child(0)
	for b.Loop() {
		granted, err := job.Wait(b.Context(), mib)
		if err != nil {
			b.Fatal(err)
		}
		job.Took(granted, granted)
	}
}
