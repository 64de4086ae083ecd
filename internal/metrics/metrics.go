// Package metrics writes numbers in the text format of Prometheus, version 0.0.4, which Prometheus, the collectors that understand
// it, and the textfile collector of node_exporter read; the last does not read OpenMetrics. ebb has a closed set of numbers, all of
// which somebody else keeps, so that a registry with a library around it would have nothing to do.
//
// The format: https://prometheus.io/docs/instrumenting/exposition_formats/
package metrics

import (
	"strconv"
	"strings"
)

// ContentType is that of a [Text].
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// Text is metrics, each with its samples behind it. The zero value is empty. It checks nothing: names are to be those of
// the format, each metric is to begin once, and no two samples of one may have the same labels.
type Text struct {
	b    []byte
	name string // of the metric that has begun
}

// Counter begins a metric that only rises, until the program ends. Its name ends in _total.
func (t *Text) Counter(name, help string) { t.begin(name, help, "counter") }

// Gauge begins a metric that goes up and down.
func (t *Text) Gauge(name, help string) { t.begin(name, help, "gauge") }

var (
	escapeHelp  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	escapeValue = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func (t *Text) begin(name, help, kind string) {
	t.name = name
	t.b = append(t.b, "# HELP "+name+" "+escapeHelp.Replace(help)+"\n# TYPE "+name+" "+kind+"\n"...)
}

// Sample adds a value of the metric that has begun, in base units: bytes, seconds. labels are names and values by turns.
func (t *Text) Sample(value float64, labels ...string) {
	t.b = append(t.b, t.name...)
	for i := 0; i < len(labels); i += 2 {
		if i == 0 {
			t.b = append(t.b, '{')
		} else {
			t.b = append(t.b, ',')
		}
		valid := strings.ToValidUTF8(labels[i+1], "\uFFFD")
		t.b = append(t.b, labels[i]+`="`+escapeValue.Replace(valid)+`"`...)
	}
	if len(labels) > 0 {
		t.b = append(t.b, '}')
	}
	t.b = append(t.b, ' ')
	t.b = strconv.AppendFloat(t.b, value, 'f', -1, 64)
	t.b = append(t.b, '\n')
}

// Bytes is the text as it is now.
func (t *Text) Bytes() []byte { return t.b }
