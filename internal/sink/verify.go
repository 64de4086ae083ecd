package sink

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"strings"

	"github.com/ebb-transfer/ebb/job"
)

// Verify reports whether the file is whole: size bytes long without a gap, but for the holes
// that it shall have, and with that digest, in the form of [job.ParseDigest]. It reads the
// bytes back for a digest; "" and a negative size are not looked at. Bytes of another digest
// are worth nothing: the caller should then store that, as for a changed remote file, and Reset.
func (p *Partial) Verify(ctx context.Context, size int64, holes job.Ranges, digest string) error {
	if size >= 0 {
		if missing := p.Filled().Union(holes).Missing(size); len(missing) > 0 {
			return p.target.reject(job.ValidationFailed, "%q is not whole: of %d bytes, %s are missing; resume the job to fetch them",
				p.target.Local, size, missing)
		}
	}
	return verify(ctx, p.file, p.target, size, digest)
}

// verify compares the size and the digest of f, which is or will be the file of t.
func verify(ctx context.Context, f *os.File, t Target, size int64, digest string) error {
	fi, err := f.Stat()
	if err != nil {
		return t.fail("read", err)
	}
	if size >= 0 && fi.Size() != size {
		return t.reject(job.LocalFileChanged, "%q has %d bytes on disk instead of %d: something else changed it; resume the job to fetch it again",
			t.Local, fi.Size(), size)
	}
	if digest == "" {
		return nil
	}
	algorithm, want, _ := strings.Cut(digest, "=")
	sum := newHash(algorithm)
	if sum == nil {
		return t.reject(job.InvalidHashAlgorithm, "%q cannot be verified: checksum algorithm %q is none of sha256, sha512, sha1, md5", t.Local, algorithm)
	}
	if err := readInto(ctx, sum, f, fi.Size()); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return t.fail("read", err)
	}
	if got := hex.EncodeToString(sum.Sum(nil)); !strings.EqualFold(got, want) {
		return t.reject(job.ValidationFailed, "%q has the wrong checksum: expected %s=%s, got %s=%s; the server sent other bytes, or the checksum is of another version",
			t.Local, algorithm, want, algorithm, got)
	}
	return nil
}

func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "sha256":
		return sha256.New()
	case "sha512":
		return sha512.New()
	case "sha1":
		return sha1.New()
	case "md5":
		return md5.New()
	}
	return nil
}

// readInto hashes the first size bytes of f.
func readInto(ctx context.Context, sum hash.Hash, f *os.File, size int64) error {
	buf := make([]byte, min(max(size, 1), 1<<20))
	for at := int64(0); at < size; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-at)], at)
		sum.Write(buf[:n])
		at += int64(n)
		if err != nil && (err != io.EOF || at < size) {
			return err
		}
	}
	return nil
}
