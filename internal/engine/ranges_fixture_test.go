package engine

import (
	"context"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// wholeOnly is for sources that no test asks for ranges.
type wholeOnly struct{}

func (wholeOnly) OpenRanges(context.Context, transport.Source, []job.Range, job.Validator) (transport.Parts, transport.Meta, error) {
	panic("this source has no ranges")
}
