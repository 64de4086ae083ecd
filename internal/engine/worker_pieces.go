package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/ebb-transfer/ebb/internal/transport"
	"github.com/ebb-transfer/ebb/job"
)

// inPieces reports whether the file is fetched otherwise than from where it ends to its end. What is made anew for each
// request never is.
func (r *run) inPieces() bool {
	if r.job.Dynamic || r.job.Method != "" {
		return false
	}
	have := r.partial.Filled()
	return len(r.file.Ranges) > 0 || len(r.file.Requested) > 0 || r.file.Position > 0 || r.job.OnDemand ||
		have.First() < have.Len()
}

func (r *run) missing() []job.Piece { return missing(r.file, r.partial.Filled(), r.job.OnDemand) }

// fetchPieces fetches what is missing and asked for. It returns the size of the file if it is whole then.
func (r *run) fetchPieces(ctx context.Context) (int64, error) {
	for gaps := r.missing(); len(gaps) > 0; {
		if err := r.fetchSome(ctx, gaps); err != nil {
			return 0, err
		}
		left := r.missing()
		if slices.Equal(left, gaps) {
			return 0, &job.Error{
				Context: job.ContextRemoteFile, Code: job.InvalidServerResponse, Class: job.Transient, Answer: r.answer,
				Text: fmt.Sprintf("%s: the server sent nothing of bytes %d and following, which were asked for", r.host, gaps[0].Remote.Start),
			}
		}
		gaps = left
	}
	if r.file.Size < 0 || len(missing(r.file, r.partial.Filled(), false)) > 0 {
		return job.UnknownSize, nil
	}
	return r.file.Size, nil
}

// fetchSome asks for gaps once and stores what comes of them.
func (r *run) fetchSome(ctx context.Context, gaps []job.Piece) error {
	src, err := r.secrets.source(ctx, r)
	if err != nil {
		return err
	}
	asked := remotes(gaps)
	if r.job.OnDemand && r.told == nil {
		asked = asked[:1] // the answer to one range shows whether the server has ranges at all
	}
	parts, meta, err := r.downloader().OpenRanges(ctx, src, asked, r.file.Validator)
	if err != nil {
		return err
	}
	defer func() { _ = parts.Close() }() // what it has to tell, Next has told
	r.answer = cmp.Or(meta.Answer, r.answer)
	if err := r.accept(ctx, meta); err != nil {
		return err
	}
	r.moving.Store(true)
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	st := newStage(r, *buf, 0)
	for err == nil && len(gaps) > 0 {
		err = r.storePart(ctx, parts, st, asked)
		st.flush()
		gaps = r.missing()
	}
	if _, failed := st.close(); failed != nil {
		return failed
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// accept takes what an answer tells of the remote file. If it is another version than what is stored is of, that is void.
func (r *run) accept(ctx context.Context, meta transport.Meta) error {
	if !r.agrees(meta) {
		if len(r.partial.Filled()) > 0 && r.changed {
			return &job.Error{
				Context: job.ContextRemoteFile, Code: job.RemoteFileChanged, Class: job.Transient, Answer: r.answer,
				Text: r.host + ": the server changes the file again and again while it is fetched",
			}
		}
		r.changed = r.changed || len(r.partial.Filled()) > 0
		if err := r.startOver(ctx); err != nil {
			return err
		}
	}
	if r.told == nil {
		r.version = meta
		r.file.Validator = meta.Validator
		return r.resolve(ctx, meta.Size)
	}
	if r.version.Size < 0 && meta.Size >= 0 {
		return r.resolve(ctx, meta.Size)
	}
	return nil
}

// agrees reports whether an answer is of the version that is stored. That takes a proof. For answers of the same run it is
// enough that they tell the same: a file that changes every second has no parts that fit together anyway.
func (r *run) agrees(meta transport.Meta) bool {
	size := r.file.LocalSize(meta.Size)
	switch {
	case r.told != nil:
		alike := meta.Validator.ETag == r.version.Validator.ETag && meta.Modified.Equal(r.version.Modified)
		return (meta.Same || alike) && (meta.Size < 0 || r.version.Size < 0 || meta.Size == r.version.Size)
	case len(r.partial.Filled()) == 0 && r.file.Validator == job.Validator{}:
		return r.file.Size < 0 || r.file.Size == size
	}
	return meta.Same && (size < 0 || r.file.Size < 0 || r.file.Size == size)
}

// resolve makes durable what is known of the remote file, with its size, which pieces of unknown length and place depend
// on.
func (r *run) resolve(ctx context.Context, remote int64) error {
	r.version.Size = remote
	var outside error
	if remote >= 0 {
		outside = checkRanges(r.file, remote)
	}
	r.file.Size = max(r.file.LocalSize(remote), r.file.Size)
	if err := r.tell(ctx, r.version, r.file.Size); err != nil {
		return err
	}
	return outside // only now, so that ranges can be checked against the size from now on
}

// storePart stores what is missing of the next part of an answer.
func (r *run) storePart(ctx context.Context, parts transport.Parts, st *stage, asked []job.Range) error {
	part, body, err := parts.Next()
	if err != nil {
		return err
	}
	if err := r.checkRandomAccess(part, asked); err != nil {
		return err
	}
	gaps := r.missing()
	slices.SortFunc(gaps, func(a, b job.Piece) int { return cmp.Compare(a.Remote.Start, b.Remote.Start) })
	at := part.Start
	for _, gap := range gaps {
		both, ok := overlap(gap.Remote, part)
		if !ok {
			continue
		}
		n, err := r.skip(ctx, body, st, both.Start-at)
		at += n
		if err == nil {
			st.seek(gap.Local + both.Start - gap.Remote.Start)
			n, err = r.pour(ctx, body, st, max(both.Len(), -1))
			at += n
		}
		if errors.Is(err, io.EOF) && part.End < 0 {
			return r.resolve(ctx, at) // the end of the body is that of the file
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// checkRandomAccess refuses a server that sends a job on demand all of the file instead of one range.
func (r *run) checkRandomAccess(part job.Range, asked []job.Range) error {
	whole := part.Start == 0 && (part.End < 0 || part.End == r.version.Size)
	covered := asked[0].Start == 0 && (asked[0].End < 0 || (part.End >= 0 && part.End <= asked[0].End))
	if !r.job.OnDemand || len(asked) > 1 || !whole || covered {
		return nil
	}
	return &job.Error{
		Context: job.ContextRemoteFile, Code: job.RandomAccess, Class: job.Fatal, Answer: r.answer,
		Text: r.host + ": the server cannot send parts of the file, which a job on demand needs; fetch all of it with another job",
	}
}

// skip reads n bytes that nobody wants.
func (r *run) skip(ctx context.Context, body io.Reader, st *stage, n int64) (skipped int64, err error) {
	for skipped < n && err == nil {
		var got int
		buf := st.free()
		got, err = r.read(ctx, body, buf[:min(int64(len(buf)), n-skipped)])
		skipped += int64(got)
	}
	if skipped == n {
		err = nil
	}
	return skipped, err
}
