package ebb

import (
	"context"
	"net/http"
	"strconv"

	"github.com/ebb-transfer/ebb/job"
)

func filePath(file job.FileID, rest string) string {
	return "/files/" + strconv.Itoa(int(file)) + rest
}

// SetRemoteName gives an unfinished file of a download another URL, such as a fresh one for one that has expired. It is durable at
// once. What is stored stays if the new source proves to be the same version of the file; a finished file is not fetched
// again. In BITS: IBackgroundCopyFile2::SetRemoteName.
func (j *Job) SetRemoteName(ctx context.Context, file job.FileID, url string) error {
	return j.do(ctx, http.MethodPatch, filePath(file, ""), map[string]any{"url": url})
}

// ReplaceRemotePrefix replaces the beginning of all URLs of a download that begin with old, and returns how many did. The case
// counts. In BITS: IBackgroundCopyJob3::ReplaceRemotePrefix.
func (j *Job) ReplaceRemotePrefix(ctx context.Context, old, replacement string) (replaced int, err error) {
	var out struct {
		Replaced int          `json:"replaced"`
		Job      job.Snapshot `json:"job"`
	}
	in := map[string]string{"old": old, "new": replacement}
	if err := j.client.request(ctx, http.MethodPost, j.path("/replace-prefix"), in, &out); err != nil {
		return 0, err
	}
	j.Snapshot = out.Job
	return out.Replaced, nil
}

// SkipFile leaves an unfinished file out, so that the others go on without it, or takes it in again. Complete discards what is
// skipped.
func (j *Job) SkipFile(ctx context.Context, file job.FileID, skip bool) error {
	return j.do(ctx, http.MethodPatch, filePath(file, ""), map[string]any{"skipped": skip})
}

// RetryFile fetches a file anew from its first byte, also one that is done or skipped. A job that is not queued has to be resumed
// for it.
func (j *Job) RetryFile(ctx context.Context, file job.FileID) error {
	return j.do(ctx, http.MethodPost, filePath(file, "/retry"), nil)
}

// RemoveFile takes a file out of the job and deletes what is stored of it. The numbers of the others stay.
func (j *Job) RemoveFile(ctx context.Context, file job.FileID) error {
	return j.do(ctx, http.MethodDelete, filePath(file, ""), nil)
}

// SetValidation says whether a finished file is right. A wrong one stops the job with code job.ValidationFailed, and the next
// Resume fetches it again. A file that is not finished refuses with code job.Pending. In BITS:
// IBackgroundCopyFile3::SetValidationState.
func (j *Job) SetValidation(ctx context.Context, file job.FileID, valid bool) error {
	return j.do(ctx, http.MethodPatch, filePath(file, ""), map[string]any{"validated": valid})
}

// RequestRanges asks for bytes of a file of a download. A job on demand fetches nothing else, and is Suspended once they are here:
// ask for more and Resume. In other jobs they come first. In BITS: IBackgroundCopyFile6::RequestFileRanges.
func (j *Job) RequestRanges(ctx context.Context, file job.FileID, ranges job.Ranges) error {
	return j.do(ctx, http.MethodPost, filePath(file, "/ranges"), map[string]any{"ranges": ranges})
}

// UpdatePosition makes fetching go on at an offset of the file; what is missing before it comes last. In BITS:
// IBackgroundCopyFile6::UpdateDownloadPosition.
func (j *Job) UpdatePosition(ctx context.Context, file job.FileID, offset int64) error {
	return j.do(ctx, http.MethodPatch, filePath(file, ""), map[string]any{"position": offset})
}

// Answer is what the server last said about a file. One that has not been asked for yet refuses with code
// job.Pending.
func (j *Job) Answer(ctx context.Context, file job.FileID) (job.Answer, error) {
	var out job.Answer
	err := j.client.request(ctx, http.MethodGet, j.path(filePath(file, "/answer")), nil, &out)
	return out, err
}

// Headers returns the job's custom headers to its owner. Others, and everybody once they are write-only (see
// [job.Settings]), are refused with code job.AccessDenied. In BITS: IBackgroundCopyJobHttpOptions::GetCustomHeaders.
func (j *Job) Headers(ctx context.Context) ([]job.Header, error) {
	var out struct {
		Headers []job.Header `json:"headers"`
	}
	err := j.client.request(ctx, http.MethodGet, j.path("/headers"), nil, &out)
	return out.Headers, err
}

// SetHeaders replaces the job's custom headers; none clears them. Only the owner may, others are refused with code
// job.AccessDenied. In BITS: IBackgroundCopyJobHttpOptions::SetCustomHeaders.
func (j *Job) SetHeaders(ctx context.Context, headers ...job.Header) error {
	return j.do(ctx, http.MethodPut, "/headers", map[string]any{"headers": headers})
}

// SetClientCertificate sets the certificate that the job shows to servers that ask for one: a certificate and its unencrypted
// private key in PEM form. It cannot be read back. Only the owner may.
func (j *Job) SetClientCertificate(ctx context.Context, pem string) error {
	return j.do(ctx, http.MethodPut, "/client-certificate", map[string]any{"client_pem": pem})
}

// RemoveClientCertificate forgets the client certificate. It is no error when there is none.
func (j *Job) RemoveClientCertificate(ctx context.Context) error {
	return j.do(ctx, http.MethodDelete, "/client-certificate", nil)
}

// SetWebhookKey sets the key that signs the calls of the job's webhook (see docs/notifications.md), from the next one on. It
// cannot be read back. Only the owner may.
func (j *Job) SetWebhookKey(ctx context.Context, key string) error {
	return j.do(ctx, http.MethodPut, "/webhook-key", map[string]any{"webhook_key": key})
}
