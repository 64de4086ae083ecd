package httpx

import (
	"context"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// OpenRanges is transport.Downloader's.
func (d *Downloader) OpenRanges(context.Context, transport.Source, []job.Range, job.Validator) (transport.Parts, transport.Meta, error) {
	return nil, transport.Meta{}, job.Invalid(job.NotImplemented, "ranges are not supported yet")
}
