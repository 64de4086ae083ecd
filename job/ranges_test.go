package job

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

const mapLen = 48

// bitmap is a set of bytes as nobody can get it wrong.
type bitmap [mapLen]bool

func (m *bitmap) add(r Range) {
	for i := max(r.Start, 0); i < r.End; i++ {
		m[i] = true
	}
}

// runs are the longest stretches of bytes below n that are, or are not, in the set.
func (m *bitmap) runs(n int64, in bool) Ranges {
	var out Ranges
	for i := range n {
		switch last := len(out) - 1; {
		case (i < mapLen && m[i]) != in:
		case last >= 0 && out[last].End == i:
			out[last].End++
		default:
			out = append(out, Range{i, i + 1})
		}
	}
	return out
}

func drawRange(t *rapid.T) Range {
	start := int64(rapid.IntRange(0, mapLen).Draw(t, "start"))
	return Range{start, int64(rapid.IntRange(0, mapLen).Draw(t, "end"))}
}

func TestRangesAsBitmap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var s, other Ranges
		var m bitmap
		for range rapid.IntRange(0, 12).Draw(t, "adds") {
			r := drawRange(t)
			before := slices.Clone(s)
			grown := s.Add(r)
			if !slices.Equal(s, before) {
				t.Fatalf("Add changed the set it was called on: %v, was %v", s, before)
			}
			s = grown
			m.add(r)
		}
		if want := m.runs(mapLen, true); !slices.Equal(s, want) {
			t.Fatalf("set %v, want %v", s, want)
		}
		if want := m.runs(mapLen, true); s.Len() != lenOf(want) {
			t.Errorf("Len = %d, want %d", s.Len(), lenOf(want))
		}
		for size := int64(0); size <= mapLen+2; size++ {
			if got, want := s.Missing(size), m.runs(size, false); !slices.Equal(got, want) {
				t.Errorf("Missing(%d) of %v = %v, want %v", size, s, got, want)
			}
		}
		unknown := s.Missing(UnknownSize)
		last := unknown[len(unknown)-1]
		if last.End != -1 || !slices.Equal(unknown[:len(unknown)-1], s.Missing(last.Start)) || (len(s) > 0 && last.Start != s[len(s)-1].End) {
			t.Errorf("Missing(unknown) of %v = %v", s, unknown)
		}
		if want := slices.Index(m[:], false); want >= 0 && s.First() != int64(want) {
			t.Errorf("First of %v = %d, want %d", s, s.First(), want)
		}
		if r := drawRange(t); r.Len() > 0 && s.Contains(r) == slices.Contains(m[r.Start:r.End], false) {
			t.Errorf("Contains(%v) of %v = %v", r, s, s.Contains(r))
		}

		for range rapid.IntRange(0, 4).Draw(t, "others") {
			r := drawRange(t)
			other = other.Add(r)
			m.add(r)
		}
		if got, want := s.Union(other), m.runs(mapLen, true); !slices.Equal(got, want) {
			t.Errorf("%v ∪ %v = %v, want %v", s, other, got, want)
		}
		var back Ranges
		if err := back.UnmarshalText([]byte(s.String())); err != nil || !slices.Equal(back, s) {
			t.Errorf("%q reads as %v, %v", s, back, err)
		}
	})
}

func lenOf(s Ranges) (n int64) {
	for _, r := range s {
		n += r.End - r.Start
	}
	return n
}

func TestRangesText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Ranges{
		"":                      nil,
		"0-0":                   {{0, 1}},
		"0-99,200-299":          {{0, 100}, {200, 300}},
		"200-299,0-99,100-199":  {{0, 300}},
		"0-9223372036854775806": {{0, 1<<63 - 1}},
	} {
		var got Ranges
		if err := got.UnmarshalText([]byte(text)); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q reads as %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"5", "-5", "5-", "9-5", "a-b", "0-9223372036854775807", "0-99999999999999999999", "0 - 9"} {
		var got Ranges
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q reads as %v, want an error", text, got)
		}
	}
}

func FuzzRanges(f *testing.F) {
	f.Add("0-99,200-299")
	f.Add("9-9,8-8,0-9223372036854775806")
	f.Fuzz(func(t *testing.T, text string) {
		var s, back Ranges
		if s.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := back.UnmarshalText([]byte(s.String())); err != nil || !slices.Equal(back, s) {
			t.Errorf("%q reads as %v, which reads as %v, %v", text, s, back, err)
		}
		for i, r := range s {
			if r.Len() <= 0 || (i > 0 && s[i-1].End >= r.Start) {
				t.Errorf("%q reads as %v", text, s)
			}
		}
	})
}
