//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// binEvery is the step of a plot.
const binEvery = 100 * time.Millisecond

// timeline is what happened in a cell.
type timeline struct {
	title   string
	length  time.Duration
	top     float64   // Mbit/s of the link
	rates   []curve   // Mbit/s every binEvery
	delay   []float64 // ms that small packets waited in the queue at most, every binEvery; below 0: all were lost
	deepest float64   // ms: the depth of the buffer
}

// curve is a line in a plot: the rate at which a client received.
type curve struct {
	name   string
	host   int
	values []float64
}

const (
	plotWidth, rateHeight, delayHeight = 900.0, 200.0, 110.0
	left, right, above, between        = 52.0, 12.0, 40.0, 26.0
)

// colors are told apart by most people who see colors differently, too.
var colors = []string{"#0072b2", "#d55e00", "#009e73"}

// svg draws the rates above the delay, over the same time.
func (t *timeline) svg(w io.Writer) error {
	height := above + rateHeight + between + delayHeight + 36
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="12">`+"\n", plotWidth+left+right, height)
	fmt.Fprintf(&s, `<rect width="100%%" height="100%%" fill="white"/><text x="%g" y="16" font-size="14">%s</text>`+"\n", left, escape(t.title))
	x := left
	for i, c := range t.rates {
		fmt.Fprintf(&s, `<rect x="%g" y="25" width="14" height="4" fill="%s"/><text x="%g" y="32">%s</text>`+"\n", x, colors[i], x+18, escape(c.name))
		x += 34 + 7*float64(len(c.name))
	}
	rates := axes{y: above, height: rateHeight, top: t.top * 1.05, seconds: t.length.Seconds()}
	rates.draw(&s, "Mbit/s", t.top/4)
	for i, c := range t.rates {
		rates.line(&s, c.values, colors[i])
	}
	delays := axes{y: above + rateHeight + between, height: delayHeight, top: t.deepest * 1.1, seconds: t.length.Seconds()}
	delays.draw(&s, "queue, ms", t.deepest/2)
	delays.line(&s, t.delay, "#555")
	delays.time(&s)
	s.WriteString("</svg>\n")
	_, err := io.WriteString(w, s.String())
	return err
}

// axes is one of the panels of a plot.
type axes struct {
	y, height, top, seconds float64
}

// at places a point.
func (a axes) at(second, value float64) (x, y float64) {
	return left + plotWidth*second/a.seconds, a.y + a.height*(1-min(max(value/a.top, 0), 1))
}

// draw makes the frame with a line at every step.
func (a axes) draw(s *strings.Builder, unit string, step float64) {
	for v := 0.0; v <= a.top; v += step {
		_, y := a.at(0, v)
		fmt.Fprintf(s, `<path d="M%g %.1fh%g" stroke="#ddd"/><text x="%g" y="%.1f" text-anchor="end">%g</text>`+"\n", left, y, plotWidth, left-5, y+4, v)
	}
	fmt.Fprintf(s, `<text transform="translate(12 %.1f) rotate(-90)" text-anchor="middle">%s</text>`+"\n", a.y+a.height/2, unit)
}

// line joins the values, one every binEvery; gaps are where they are below 0.
func (a axes) line(s *strings.Builder, values []float64, color string) {
	fmt.Fprintf(s, `<path fill="none" stroke="%s" stroke-width="1.2" d="`, color)
	command := "M"
	for i, v := range values {
		if v < 0 {
			command = "M"
			continue
		}
		x, y := a.at((float64(i)+0.5)*binEvery.Seconds(), v)
		fmt.Fprintf(s, "%s%.1f %.1f", command, x, y)
		command = "L"
	}
	s.WriteString(`"/>` + "\n")
}

// time labels the lower edge.
func (a axes) time(s *strings.Builder) {
	step := 5.0
	for a.seconds/step > 20 {
		step *= 2
	}
	for second := 0.0; second <= a.seconds; second += step {
		x, y := a.at(second, 0)
		fmt.Fprintf(s, `<path d="M%.1f %.1fv4" stroke="#555"/><text x="%.1f" y="%.1f" text-anchor="middle">%g</text>`+"\n", x, y, x, y+17, second)
	}
	fmt.Fprintf(s, `<text x="%g" y="%.1f" text-anchor="end">s</text>`+"\n", left+plotWidth, a.y+a.height+32)
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// bins turns a counter into Mbit/s for every binEvery.
func (s series) bins(from, to time.Duration) []float64 {
	var out []float64
	for at := from; at+binEvery <= to; at += binEvery {
		out = append(out, s.rate(at, at+binEvery)*8/1e6)
	}
	return out
}

// queue turns probes into the most that one of them waited, in ms, for every binEvery.
func queue(echoes []echo, base, from, to time.Duration) []float64 {
	out := make([]float64, int((to-from)/binEvery))
	for i := range out {
		out[i] = -1
	}
	for _, e := range echoes {
		if i := int((e.At - from) / binEvery); e.At >= from && i < len(out) && e.Took > 0 {
			out[i] = max(out[i], (e.Took-base).Seconds()*1e3, 0)
		}
	}
	return out
}
