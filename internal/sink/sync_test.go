package sink_test

import (
	"sync"
	"testing"

	"github.com/ebb-transfer/ebb/internal/sink"
	"github.com/ebb-transfer/ebb/job"
)

func TestACheckpointCoversWhatWasWrittenBeforeIt(t *testing.T) {
	t.Parallel()
	b := content(300)
	var p *sink.Partial
	late := sync.OnceFunc(func() { write(t, p, b[100:200], 100) })
	s := sink.New(sink.Config{Instance: "test", Intercept: func(c sink.Change, _ string, do func() error) error {
		err := do()
		if c == sink.SyncFile {
			late() // after the sync, before it is reported
		}
		return err
	}})
	p = open(t, s, target(t.TempDir(), "file"), nil, "")
	write(t, p, b[:100], 0)
	if have, err := p.Checkpoint(); err != nil || have.String() != "0-99" {
		t.Errorf("Checkpoint = %v, %v, want 0-99", have, err)
	}
	wantFilled(t, p, "0-199")
	if have, err := p.Checkpoint(); err != nil || have.String() != "0-199" {
		t.Errorf("Checkpoint = %v, %v, want 0-199", have, err)
	}
}

func TestWritersBesideCheckpoints(t *testing.T) {
	t.Parallel()
	const writers, writes, size = 4, 50, 1000
	to, s, b := target(t.TempDir(), "file"), newSink(thisBoot), content(writers*writes*size)
	p := open(t, s, to, nil, "")
	var wg, syncing sync.WaitGroup
	for w := range int64(writers) { // each a segment of the file
		wg.Go(func() {
			for i := range int64(writes) {
				off := (w*writes + i) * size
				if _, err := p.WriteAt(b[off:off+size], off); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop := make(chan struct{})
	syncing.Go(func() {
		for {
			if _, err := p.Checkpoint(); err != nil {
				t.Error(err)
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	wg.Wait()
	close(stop)
	syncing.Wait()
	have, err := p.Checkpoint()
	if err != nil || have.String() != job.Prefix(int64(len(b))).String() {
		t.Errorf("Checkpoint = %v, %v", have, err)
	}
	if err := p.Verify(t.Context(), int64(len(b)), nil, sum(b)); err != nil {
		t.Error(err)
	}
}
