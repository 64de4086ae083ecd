//go:build linux

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

// svgPaths reads an SVG, as a browser would refuse it when it is not well-formed, and returns its lines and texts.
func svgPaths(t *testing.T, text string) (paths, texts []string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return paths, texts
		}
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		switch e := token.(type) {
		case xml.StartElement:
			i := slices.IndexFunc(e.Attr, func(a xml.Attr) bool { return a.Name.Local == "d" })
			if e.Name.Local == "path" && slices.ContainsFunc(e.Attr, func(a xml.Attr) bool { return a.Name.Local == "fill" && a.Value == "none" }) {
				paths = append(paths, e.Attr[i].Value)
			}
		case xml.CharData:
			texts = append(texts, string(e))
		}
	}
}

func TestSVG(t *testing.T) {
	t.Parallel()
	line := timeline{
		title: "1 < 2 & 3", length: time.Second, top: 100, deepest: 50,
		rates: []curve{{name: "background", values: []float64{100, 0, 210}}, {name: "foreground", values: []float64{0, 105, 52.5}}},
		delay: []float64{0, -1, 55, 27.5},
	}
	var out strings.Builder
	if err := line.svg(&out); err != nil {
		t.Fatal(err)
	}
	paths, texts := svgPaths(t, out.String())
	want := []string{
		"M97.0 49.5L187.0 240.0L277.0 40.0", // a rate above the frame stays at its edge
		"M97.0 240.0L187.0 40.0L277.0 140.0",
		"M97.0 376.0M277.0 266.0L367.0 321.0", // a gap where all probes were lost
	}
	if !slices.Equal(paths, want) {
		t.Errorf("lines\n%s\nwant\n%s", strings.Join(paths, "\n"), strings.Join(want, "\n"))
	}
	for _, text := range []string{"1 < 2 & 3", "background", "foreground", "Mbit/s", "queue, ms"} {
		if !slices.Contains(texts, text) {
			t.Errorf("no text %q in %q", text, texts)
		}
	}
}

func TestBins(t *testing.T) {
	t.Parallel()
	s := steps(step{200 * ms, 1_250_000}, step{200 * ms, 0})
	if got, want := s.bins(0, 450*ms), []float64{10, 10, 0, 0}; !slices.Equal(got, want) {
		t.Errorf("bins %v, want %v Mbit/s", got, want)
	}
}

func TestQueueOverTime(t *testing.T) {
	t.Parallel()
	echoes := []echo{
		{At: 900 * ms, Took: time.Second}, // before
		{At: 1000 * ms, Took: 20 * ms},
		{At: 1050 * ms, Took: 35 * ms},
		{At: 1090 * ms, Took: 25 * ms},
		{At: 1100 * ms}, // lost
		{At: 1250 * ms, Took: 19 * ms},
		{At: 1350 * ms, Took: time.Second}, // after
	}
	if got, want := queue(echoes, 20*ms, 1000*ms, 1300*ms), []float64{15, -1, 0}; !slices.Equal(got, want) {
		t.Errorf("queue %v, want %v ms", got, want)
	}
}
