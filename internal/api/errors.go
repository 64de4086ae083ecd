package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/ebb-transfer/ebb/internal/engine"
	"github.com/ebb-transfer/ebb/internal/store"
	"github.com/ebb-transfer/ebb/job"
)

// Problem is a refusal (RFC 9457), with the job error it stands for.
type Problem struct {
	Title  string     `json:"title" doc:"the name of the HTTP status"`
	Status int        `json:"status" doc:"the HTTP status"`
	Detail string     `json:"detail" doc:"one sentence: what is wrong and what to do"`
	Cause  *job.Error `json:"error"`
}

const problemType = "application/problem+json"

// Error returns the sentence.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

// write answers a request that did not reach an operation.
func (p *Problem) write(w http.ResponseWriter) {
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = writeJSON(w, p)
}

// statuses is the one table from codes to HTTP statuses. Any other code is 422.
var statuses = map[job.Code]int{
	job.NotFound:        http.StatusNotFound,
	job.FileNotFound:    http.StatusNotFound,
	job.InvalidState:    http.StatusConflict,
	job.Pending:         http.StatusConflict,
	job.Empty:           http.StatusConflict,
	job.AccessDenied:    http.StatusForbidden,
	job.BlockedByPolicy: http.StatusForbidden,

	job.TooManyJobsPerUser:    http.StatusForbidden,
	job.TooManyJobsPerMachine: http.StatusForbidden,
	job.TooManyFilesInJob:     http.StatusForbidden,
	job.TooManyRangesInFile:   http.StatusForbidden,

	job.NotImplemented: http.StatusNotImplemented,
	job.FileExists:     http.StatusConflict,
	job.DiskFull:       http.StatusInsufficientStorage,
}

// problem is err as it goes over the wire.
func problem(err error) error {
	var known *job.Error
	var p *Problem
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &known):
	case errors.Is(err, store.ErrNotFound):
		known = job.Invalid(job.NotFound, "there is no such job")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): // the caller has gone, or the daemon goes
		return refusal(http.StatusServiceUnavailable, job.Unexpected, engine.ErrStopped.Error())
	case errors.Is(err, engine.ErrStopped), errors.Is(err, engine.ErrUnknown):
		return refusal(http.StatusServiceUnavailable, job.Unexpected, err.Error())
	default:
		return refusal(http.StatusInternalServerError, job.Unexpected, err.Error())
	}
	status, ok := statuses[known.Code]
	if !ok {
		status = http.StatusUnprocessableEntity
	}
	return &Problem{Title: http.StatusText(status), Status: status, Detail: known.Error(), Cause: known}
}

func refusal(status int, code job.Code, detail string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail, Cause: job.Invalid(code, "%s", detail)}
}

// ownProblem makes huma's refusals look like ours. Huma's repeat what they refuse, which may hold
// a secret.
func ownProblem(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	var details []string
	for _, d := range m.Errors {
		_, name, _ := strings.Cut(d.Location, ".") // "query.limit"
		details = append(details, strings.TrimPrefix(name+": "+d.Message, ": "))
	}
	switch {
	case m.Status == http.StatusRequestEntityTooLarge:
		return refusal(m.Status, job.TooLarge, m.Detail), nil
	case m.Status >= 500: // our operations answer with problems of their own: huma could not read the body
		m.Detail = "the body could not be read to its end"
	case len(details) > 0:
		m.Detail = strings.Join(details, "; ")
	}
	return refusal(m.Status, job.InvalidArg, m.Detail), nil
}

// writeJSON fails only when v cannot be encoded: a caller who has gone needs no answer.
func writeJSON(w io.Writer, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, _ = w.Write(buf.Bytes())
	return nil
}
