package job

import (
	"iter"
	"slices"
	"strings"
	"time"
)

// FileID names a file within its job: 1 for the first one added. 0 is no file.
type FileID int

// UnknownSize is the size of a file before its server has told it (BG_SIZE_UNKNOWN).
const UnknownSize int64 = -1

// Validator tells two versions of a remote file apart (RFC 9110 section 8.8). The
// zero value knows nothing.
type Validator struct {
	ETag         string `json:"etag,omitempty"`          // as sent, quotes and W/ included
	LastModified string `json:"last_modified,omitempty"` // as sent
}

// Strong reports whether v can prove that a part belongs to the same bytes: a weak
// ETag never does (RFC 9110 section 13.1.5).
func (v Validator) Strong() bool { return v.StrongETag() != "" || v.LastModified != "" }

// StrongETag is the ETag when it is a strong one, else "".
func (v Validator) StrongETag() string {
	if len(v.ETag) >= 2 && v.ETag[0] == '"' {
		return v.ETag
	}
	return ""
}

// File is one transfer of a job: a remote name, a local name and how far it got.
// Remote and local name follow BITS: the URL is kept as given, whatever redirects say.
type File struct {
	ID    FileID `json:"id"`
	URL   string `json:"url"`
	Local string `json:"local"`
	// NameFromServer allows the first answer to replace the last element of Local,
	// as long as no byte has been stored.
	NameFromServer bool `json:"name_from_server,omitzero"`
	// Digest is what the whole file must hash to, as "sha256=HEX"; "" when unknown.
	Digest string `json:"digest,omitempty"`
	// Ranges, when there are any, are all that is fetched of the remote file, in the order given. They are written one after
	// another, as in BITS; with Sparse each where it is in the remote file.
	Ranges []Span `json:"ranges,omitempty"`
	Sparse bool   `json:"sparse,omitzero"`
	// Size of the local file in bytes, UnknownSize until it is known.
	Size int64 `json:"size"`
	// Requested is what RequestRanges has asked for so far. In a job that is on demand nothing else is fetched, in
	// others it comes first.
	Requested Ranges `json:"requested,omitempty"`
	// Position is where fetching goes on, as set by UpdatePosition; what is missing before it comes last.
	Position int64 `json:"position,omitzero"`
	// Filled is what is stored and synced in the partial file. It only grows, but for Changed, RetryFile, RemoveFile,
	// SetValidation and, in a job with a Method, Resume, which void it.
	Filled Ranges `json:"filled,omitempty"`
	// Boot is the machine's boot id at the last Progress: within the same boot the
	// partial file's own length may prove more than Filled.
	Boot      string    `json:"boot,omitempty"`
	Validator Validator `json:"validator,omitzero"`
	// Modified is the server's Last-Modified, given to the published file.
	Modified time.Time `json:"modified,omitzero"`
	// Done means that every byte is stored, synced and verified.
	Done bool `json:"done,omitzero"`
	// Validated is the validation state of BITS: that the owner found the bytes to be right.
	Validated bool `json:"validated,omitzero"`
	// Skipped leaves the file out: the others go on without it, and Complete discards it.
	Skipped bool `json:"skipped,omitzero"`
	// Removed is a file that is no more. Its number stays taken.
	Removed bool `json:"removed,omitzero"`
}

// Fetchable reports whether there is something of f to fetch or to verify: it is not done, and wanted; on demand,
// only what was asked for is.
func (j Job) Fetchable(f File) bool {
	if f.Done || f.Skipped || f.Removed {
		return false
	}
	return !j.OnDemand || !f.satisfied()
}

// Idle reports whether no file has anything to fetch; on demand, whether all that was asked for is here.
func (j Job) Idle() bool {
	if !j.OnDemand {
		return j.Totals.FilesDone+j.Totals.Skipped == j.Totals.Files
	}
	for f := range j.Files.All() {
		if j.Fetchable(f) {
			return false
		}
	}
	return true
}

// satisfied reports whether what was requested is here, as far as the file has it, but not the whole file: that
// is still to be verified.
func (f File) satisfied() bool {
	if f.Size >= 0 && f.Filled.Len() == f.Size {
		return false
	}
	for _, r := range f.Requested {
		if f.Size >= 0 {
			r.End = min(r.End, f.Size)
		}
		if !f.Filled.Contains(r) {
			return false
		}
	}
	return true
}

// void is the file without what was fetched of it.
func (f File) void() File {
	f.Done, f.Validated = false, false
	f.Filled, f.Size, f.Validator, f.Modified, f.Boot = nil, f.LocalSize(UnknownSize), Validator{}, time.Time{}, ""
	return f
}

// Named returns the file with another last element of its local name.
func (f File) Named(name string) File {
	f.Local = f.Local[:strings.LastIndexAny(f.Local, `/\`)+1] + name
	return f
}

// Files is the list of a job's files. Changing one file of a long list copies a small
// part of it, never the whole list, and leaves every earlier Files as it was; so jobs
// can be passed by value. The zero value is the empty list.
type Files struct {
	chunks [][]*File // all but the last have chunkLen files
}

const chunkLen = 128

// Len is the number of files.
func (f Files) Len() int {
	if len(f.chunks) == 0 {
		return 0
	}
	last := len(f.chunks) - 1
	return last*chunkLen + len(f.chunks[last])
}

// Get returns the file with that ID, false when there is none.
func (f Files) Get(id FileID) (File, bool) {
	n := int(id) - 1
	if n < 0 || n >= f.Len() {
		return File{}, false
	}
	return *f.chunks[n/chunkLen][n%chunkLen], true
}

// All yields the files in the order they were added.
func (f Files) All() iter.Seq[File] { return f.From(1) }

// From yields the files in the order they were added, beginning with id.
func (f Files) From(id FileID) iter.Seq[File] {
	return func(yield func(File) bool) {
		for n := max(int(id)-1, 0); n < f.Len(); n++ {
			if !yield(*f.chunks[n/chunkLen][n%chunkLen]) {
				return
			}
		}
	}
}

// hasLocal reports whether one of the files has that local name.
func (f Files) hasLocal(local string) bool {
	for _, chunk := range f.chunks {
		if slices.ContainsFunc(chunk, func(x *File) bool { return x.Local == local && !x.Removed }) {
			return true
		}
	}
	return false
}

// Append returns the list with x at its end; x gets the next ID.
func (f Files) Append(x File) Files {
	n := f.Len()
	x.ID = FileID(n + 1)
	if n%chunkLen == 0 {
		return Files{append(f.chunks[:len(f.chunks):len(f.chunks)], []*File{&x})}
	}
	last := f.chunks[n/chunkLen]
	return f.withChunk(n/chunkLen, append(last[:len(last):len(last)], &x))
}

// AppendAll returns the list with all of xs at its end, in order.
func (f Files) AppendAll(xs []File) Files {
	all := make([]*File, 0, f.Len()+len(xs))
	for _, chunk := range f.chunks {
		all = append(all, chunk...)
	}
	for _, x := range xs {
		x.ID = FileID(len(all) + 1)
		all = append(all, &x)
	}
	var out Files
	for len(all) > 0 {
		n := min(chunkLen, len(all))
		out.chunks = append(out.chunks, all[:n:n])
		all = all[n:]
	}
	return out
}

func (f Files) set(x File) Files {
	n := int(x.ID) - 1
	chunk := append([]*File(nil), f.chunks[n/chunkLen]...)
	chunk[n%chunkLen] = &x
	return f.withChunk(n/chunkLen, chunk)
}

func (f Files) withChunk(n int, chunk []*File) Files {
	chunks := append([][]*File(nil), f.chunks...)
	chunks[n] = chunk
	return Files{chunks}
}

// Totals sums up a job's files, without those that are removed. They are kept up to date with every change of a file,
// so that nobody needs to walk the list.
type Totals struct {
	Files     int   `json:"files"`
	FilesDone int   `json:"files_done"`
	Skipped   int   `json:"skipped,omitzero"` // of Files; the sums below leave them out
	Bytes     int64 `json:"bytes"`            // sum of the sizes that are known; of ranges only what is asked for
	Filled    int64 `json:"filled"`           // sum of what is stored
	Unknown   int   `json:"unknown"`          // files whose size is unknown
}

func (t *Totals) count(f File, sign int) {
	if f.Removed {
		return
	}
	t.Files += sign
	if f.Skipped {
		t.Skipped += sign
		return
	}
	if f.Done {
		t.FilesDone += sign
	}
	if n := f.Wanted(); n >= 0 {
		t.Bytes += int64(sign) * n
	} else {
		t.Unknown += sign
	}
	t.Filled += int64(sign) * f.Filled.Len()
}

// Total is the job's size: UnknownSize when any file's is unknown (as in BITS), 0 for a job
// without files.
func (t Totals) Total() int64 {
	if t.Unknown > 0 {
		return UnknownSize
	}
	return t.Bytes
}
