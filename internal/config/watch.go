package config

import (
	"context"
	"os"
	"reflect"
	"time"
)

// period is how often Watch looks.
const period = 2 * time.Second

// stamp tells one content of a file from another. The zero value stands for no file.
type stamp struct {
	modified time.Time
	size     int64
}

func stampOf(path string) stamp {
	info, err := os.Stat(path)
	if err != nil {
		return stamp{}
	}
	return stamp{info.ModTime(), info.Size()}
}

// Watch calls changed with what the file says, whenever that differs from what it said before: at first, from
// current. When the file cannot be used, changed gets [File.Load]'s error with what it said before; the caller goes on with
// that, and is called again once the file is in order. A file that is deleted says what [Default] does, unless it has to be
// there.
//
// A change is heeded within four seconds, and not before the file has been left alone for two: it may be half
// written. Watch returns when ctx ends, and calls changed from its own goroutine.
func (f File) Watch(ctx context.Context, current Config, changed func(Config, error)) {
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	loaded, last := stamp{size: -1}, stampOf(f.Path) // whatever was loaded is not known to be this
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := stampOf(f.Path)
		settled := now == last
		if last = now; !settled || now == loaded {
			continue
		}
		loaded = now
		c, err := f.Load()
		if err == nil && !failed && reflect.DeepEqual(c, current) {
			continue
		}
		if failed = err != nil; !failed {
			current = c
		}
		changed(current, err)
	}
}
