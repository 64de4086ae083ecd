package idle

import (
	"testing"
	"time"
)

func TestSwing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		delays []float64 // again and again, for 100 rounds
		least  float64   // of the gain
		most   float64
	}{
		{"a queue that stands", []float64{0.3}, 1, 1},
		{"the grain of time stamps", []float64{0.3, 0.4}, 1, 1},
		{"up and down", []float64{0, 0.6}, 0, swingLeast + 0.01},
		{"slowly up and down", []float64{0, 0.2, 0.4, 0.6, 0.4, 0.2}, 0, swingLeast + 0.01},
		{"a stall now and then", []float64{0.3, 0.3, 0.3, 0.3, 4, 0.3, 0.3, 0.3, 0.3, 0.3}, 0.8, 1},
	} {
		var s swing
		for i := range 100 {
			s.see(test.delays[i%len(test.delays)])
		}
		if got := s.gain(); got < test.least || got > test.most {
			t.Errorf("%s: steps of %.2f, want %.2f to %.2f", test.name, got, test.least, test.most)
		}
	}
}

func TestSwingEnds(t *testing.T) {
	t.Parallel()
	s := swing{held: 1 - swingLeast}
	for range 100 {
		s.see(0.3)
	}
	if got := s.gain(); got != 1 {
		t.Errorf("steps of %.2f long after a swing, want 1", got)
	}
}

// Far servers make shares a matter of chance: on average they are fair.
func TestMachinesShareFarServers(t *testing.T) {
	t.Parallel()
	for _, line := range []lineSpec{mbit(20, 50, 100), mbit(20, 100, 100)} {
		t.Run(lineName(line), func(t *testing.T) {
			t.Parallel()
			var fair float64
			starts := []time.Duration{ms(3000), ms(8000), ms(8370)}
			const seeds = 8
			for _, late := range starts {
				for seed := range uint64(seeds) {
					fair += jain(share(line, seed+1, late))
				}
			}
			if fair /= float64(len(starts) * seeds); fair < 0.92 {
				t.Errorf("Jain %.3f on average, want at least 0.92", fair)
			}
		})
	}
}
