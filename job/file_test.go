package job

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestFilesAsSlice compares every version of a list, while later ones are made from it, with a
// plain slice that is copied whole.
func TestFilesAsSlice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type version struct {
			list  Files
			plain []File
		}
		versions := []version{{}}
		for i := range rapid.IntRange(1, 30).Draw(t, "changes") {
			from := versions[rapid.IntRange(0, len(versions)-1).Draw(t, "version")]
			plain := slices.Clone(from.plain)
			file := func(n int) File { return File{ID: FileID(len(plain) + 1), URL: fmt.Sprint(i, n)} }
			switch rapid.IntRange(0, 2).Draw(t, "change") {
			case 0:
				f := file(0)
				plain = append(plain, f)
				f.ID = 99 // Append gives the ID
				versions = append(versions, version{from.list.Append(f), plain})
			case 1:
				var more []File
				for n := range rapid.SampledFrom([]int{0, 1, chunkLen - 1, chunkLen, chunkLen + 1, 300}).Draw(t, "files") {
					more = append(more, file(n))
					plain = append(plain, file(n))
				}
				versions = append(versions, version{from.list.AppendAll(more), plain})
			case 2:
				if len(plain) == 0 {
					continue
				}
				n := rapid.IntRange(0, len(plain)-1).Draw(t, "which")
				plain[n].Size = int64(i)
				versions = append(versions, version{from.list.set(plain[n]), plain})
			}
		}
		for _, v := range versions {
			if diff := cmp.Diff(v.plain, slices.Collect(v.list.All())); diff != "" {
				t.Fatalf("list differs (-slice +list):\n%s", diff)
			}
			if v.list.Len() != len(v.plain) {
				t.Errorf("Len = %d, want %d", v.list.Len(), len(v.plain))
			}
			for _, id := range []FileID{-1, 0, 1, chunkLen, chunkLen + 1, FileID(len(v.plain)), FileID(len(v.plain) + 1)} {
				f, ok := v.list.Get(id)
				if want := id >= 1 && int(id) <= len(v.plain); ok != want || (ok && f.ID != id) {
					t.Errorf("Get(%d) = %d, %v", id, f.ID, ok)
				}
				want := v.plain[min(max(int(id)-1, 0), len(v.plain)):]
				if got := slices.Collect(v.list.From(id)); !slices.EqualFunc(got, want, func(a, b File) bool { return a.ID == b.ID }) {
					t.Errorf("From(%d) yields %d files, want %d", id, len(got), len(want))
				}
			}
		}
	})
}

func manyFiles(n int) AddFiles {
	specs := make([]FileSpec, n)
	for i := range specs {
		specs[i] = FileSpec{URL: fmt.Sprintf("https://example.com/%d", i), Local: fmt.Sprintf("/d/%d", i)}
	}
	return AddFiles{specs}
}

func TestTenThousandFiles(t *testing.T) {
	t.Parallel()
	const n = 10_000
	before := step(t, newJob(t, Download, usual()), t0, manyFiles(n), Resume{})
	j := before
	for id := FileID(n); id >= 1; id-- {
		j = step(t, j, t0, FileDone{id, int64(id)})
	}
	if want := (Totals{Files: n, FilesDone: n, Bytes: n * (n + 1) / 2, Filled: n * (n + 1) / 2}); j.Totals != want {
		t.Errorf("totals %+v, want %+v", j.Totals, want)
	}
	if j.State != Transferred {
		t.Errorf("the job is %v", j.State)
	}
	for f := range before.Files.All() {
		if f.Done {
			t.Fatalf("file %d of the earlier job is done", f.ID)
		}
	}
}

func TestTotalIsUnknownAsLongAsOneSizeIs(t *testing.T) {
	t.Parallel()
	j := newJob(t, Download, usual())
	if got := j.Totals.Total(); got != 0 {
		t.Errorf("an empty job has size %d, want 0", got)
	}
	j = step(t, j, t0, twoFiles(), Progress{File: 1, Filled: Prefix(1), Size: 7})
	if got := j.Totals.Total(); got != UnknownSize {
		t.Errorf("with one unknown size the job has size %d", got)
	}
	j = step(t, j, t0, Progress{File: 2, Size: 0})
	if got := j.Totals.Total(); got != 7 {
		t.Errorf("with all sizes known the job has size %d, want 7", got)
	}
}

func TestNameFromServer(t *testing.T) {
	t.Parallel()
	j := step(t, newJob(t, Download, usual()), t0, AddFiles{[]FileSpec{
		{URL: "https://example.com/1", Local: "/d/1", NameFromServer: true},
		{URL: "https://example.com/2", Local: "/d/taken.iso"},
		{URL: "https://example.com/3", Local: `C:\d\3`, NameFromServer: true},
	}})
	local := func(j Job, id FileID) string { f, _ := j.Files.Get(id); return f.Local }
	for _, tc := range []struct {
		name string
		ev   Progress
		want string
	}{
		{"allowed", Progress{File: 1, Name: "new.iso"}, "/d/new.iso"},
		{"a Windows path", Progress{File: 3, Name: "new.iso"}, `C:\d\new.iso`},
		{"none sent", Progress{File: 1}, "/d/1"},
		{"not allowed", Progress{File: 2, Name: "new.iso"}, "/d/taken.iso"},
		{"another file has it", Progress{File: 1, Name: "taken.iso"}, "/d/1"},
	} {
		if got := local(step(t, j, t0, tc.ev), tc.ev.File); got != tc.want {
			t.Errorf("%s: called %s, want %s", tc.name, got, tc.want)
		}
	}
	late := step(t, j, t0, Progress{File: 1, Filled: Prefix(1)}, Progress{File: 1, Filled: Prefix(2), Name: "late.iso"})
	if got := local(late, 1); got != "/d/1" {
		t.Errorf("renamed to %s although bytes are stored under the first name", got)
	}
}

func BenchmarkNext(b *testing.B) {
	for _, n := range []int{2, 10_000} {
		j := step(b, newJob(b, Download, usual()), t0, manyFiles(n), Resume{})
		for _, ev := range []Event{Progress{File: FileID(n), Filled: Prefix(1 << 20), Size: size}, Tick{}, Ran{1}} {
			b.Run(fmt.Sprintf("%T/files=%d", ev, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, _, err := Next(j, ev, t0, Policy{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
