package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// Problem is a refusal (RFC 9457), with the job error it stands for.
type Problem struct {
	huma.ErrorModel
	Error_ *job.Error `json:"error,omitempty"` //nolint:revive // ErrorModel has a method Error
}

// statuses is the one table from codes to HTTP statuses.
var statuses = map[job.Code]int{
	job.NotFound:       http.StatusNotFound,
	job.InvalidState:   http.StatusConflict,
	job.Empty:          http.StatusConflict,
	job.AccessDenied:   http.StatusForbidden,
	job.NotImplemented: http.StatusNotImplemented,
	job.FileExists:     http.StatusConflict,
	job.DiskFull:       http.StatusInsufficientStorage,
}

// problem is err as it goes over the wire.
func problem(err error) error {
	var known *job.Error
	switch {
	case errors.As(err, &known):
	case errors.Is(err, store.ErrNotFound):
		known = job.Invalid(job.NotFound, "there is no such job")
	case errors.Is(err, engine.ErrStopped), errors.Is(err, engine.ErrUnknown):
		return refusal(http.StatusServiceUnavailable, err.Error(), nil)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	default:
		return refusal(http.StatusInternalServerError, err.Error(), nil)
	}
	status, ok := statuses[known.Code]
	if !ok {
		status = http.StatusUnprocessableEntity
	}
	return refusal(status, known.Error(), known)
}

func refusal(status int, detail string, known *job.Error) *Problem {
	return &Problem{huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail}, known}
}
