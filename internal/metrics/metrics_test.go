package metrics_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/metrics"
)

func TestText(t *testing.T) {
	t.Parallel()
	var text metrics.Text
	text.Counter("ebb_x_total", "What came\nof C:\\x.")
	text.Sample(0)
	text.Gauge("ebb_y_seconds", `A "quoted" word.`)
	text.Sample(0.0125, "line", "eth0, local network")
	text.Sample(1<<53, "line", `a"b\c`+"\n", "state", "\xffé")
	text.Sample(math.Inf(+1), "line", "")
	const want = `# HELP ebb_x_total What came\nof C:\\x.
# TYPE ebb_x_total counter
ebb_x_total 0
# HELP ebb_y_seconds A "quoted" word.
# TYPE ebb_y_seconds gauge
ebb_y_seconds{line="eth0, local network"} 0.0125
ebb_y_seconds{line="a\"b\\c\n",state="` + "\uFFFD" + `é"} 9007199254740992
ebb_y_seconds{line=""} +Inf
`
	if diff := cmp.Diff(want, string(text.Bytes())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
