// Package sink keeps the bytes of downloads on disk until they are whole, and then
// gives them their final name.
//
// The bytes of a file go to a partial file: a hidden file in the folder of its
// destination, so that publishing it is a rename. Its name is
//
//	.ebb-INSTANCE-JOB-FILE.part     written from the start on, without gaps
//	.ebb-INSTANCE-JOB-FILE.sparse   anything else
//
// There is no side file. What is filled is known from two sources. The ranges of the
// last checkpoint, which the caller stores, were synced and hold after anything. And as
// long as the system has not gone down, what was written is in the page cache whatever
// became of the process, so the length of a .part file proves that many bytes, also
// those written after the last checkpoint. A .sparse file may have holes and its length
// proves nothing. The name changes before the first write that leaves a gap.
//
// Errors are of type *[job.Error], with context [job.ContextLocalFile], and classed here.
// What the owner of a job can clear, such as a full disk, has class [job.NeedsAction],
// and loses no byte. Only the error of an ended context is returned as it is.
package sink

import (
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/ebb-transfer/ebb/job"
)

// Config is what a [Sink] needs to know.
type Config struct {
	// Instance tells the partial files of one state folder from those of another, which
	// are never touched. It has lower-case letters and digits only, and is short.
	Instance string
	// BootID names the time since the system came up, see [BootID]. With "" nothing is
	// trusted beyond the last checkpoint.
	BootID string
	// Log is told of partial files that could not be deleted. Nil for no log.
	Log *slog.Logger
	// Intercept, when not nil, is called for every operation that changes the file system.
	Intercept Intercept
}

// An Intercept stands between the sink and the file system, for tests: change is about
// to be made to the named file or folder by do. It may call do or not, and return an
// error whatever became of do. It is called by many goroutines at once.
type Intercept func(change Change, name string, do func() error) error

// A Change is an operation that changes the file system or makes changes durable.
type Change string

// The changes, in the order of a file's life.
const (
	Create         Change = "create"           // a new partial file
	Preallocate    Change = "preallocate"      // blocks for all of a partial file
	Write          Change = "write"            // bytes into a partial file
	MarkSparse     Change = "mark sparse"      // .part becomes .sparse
	SyncFile       Change = "sync file"        // one file
	SyncFolder     Change = "sync folder"      // the names in a folder
	SyncFileSystem Change = "sync file system" // everything on a file system
	Truncate       Change = "truncate"         // the end of a partial file cut off, or a hole added
	Stamp          Change = "stamp"            // mode and modification time
	Rename         Change = "rename"           // the partial file gets its final name
	Remove         Change = "remove"           // a partial file
)

// Sink creates, publishes and deletes partial files. It has no state of its own and
// may be used by many goroutines at once.
type Sink struct {
	prefix    string // of the names of partial files
	boot      string
	mode      fs.FileMode // of a published file
	log       *slog.Logger
	intercept Intercept
}

// New returns a sink. It reads the umask of the process, which published files obey.
func New(c Config) *Sink {
	s := &Sink{
		prefix:    ".ebb-" + c.Instance + "-",
		boot:      c.BootID,
		mode:      0o666 &^ umask(),
		log:       c.Log,
		intercept: c.Intercept,
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	return s
}

// do makes a change, through the intercept if there is one.
func (s *Sink) do(change Change, name string, do func() error) error {
	if s.intercept == nil {
		return do()
	}
	return s.intercept(change, name, do)
}

// A Target is where a file of a job goes.
type Target struct {
	Job  job.ID
	File job.FileID
	// Local is the absolute name of the destination.
	Local string
	// Overwrite allows a file that is there already to be replaced.
	Overwrite bool
}

const (
	partSuffix   = ".part"
	sparseSuffix = ".sparse"
)

// partialNames returns both names that the partial file of t can have.
func (s *Sink) partialNames(t Target) (part, sparse string) {
	stem := filepath.Join(filepath.Dir(t.Local), s.prefix+string(t.Job)+"-"+strconv.Itoa(int(t.File)))
	return stem + partSuffix, stem + sparseSuffix
}

// Temporary returns the name of the partial file of t, "" if there is none. Others may read it
// while it is written; what is not filled yet reads as zeros, or is behind its end.
func (s *Sink) Temporary(t Target) string {
	part, sparse := s.partialNames(t)
	for _, name := range []string{part, sparse} {
		if fi, err := os.Lstat(name); err == nil && fi.Mode().IsRegular() {
			return name
		}
	}
	return ""
}

// parsePartialName returns the job that a partial file of this instance belongs to.
func (s *Sink) parsePartialName(name string) (job.ID, bool) {
	rest, ours := strings.CutPrefix(name, s.prefix)
	stem, isPart := strings.CutSuffix(rest, partSuffix)
	if !isPart {
		stem, isPart = strings.CutSuffix(rest, sparseSuffix)
	}
	id, file, hasFile := cutLast(stem, "-")
	n, err := strconv.Atoi(file)
	if !ours || !isPart || !hasFile || err != nil || n < 1 || len(id) != uuidLen {
		return "", false
	}
	return job.ID(id), true
}

// uuidLen is the length of a job ID. It keeps the instance "a" from taking the files
// of an instance "a-b" for its own.
const uuidLen = 36

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
