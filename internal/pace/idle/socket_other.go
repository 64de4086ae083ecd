//go:build !linux && !darwin && !windows

package idle

import "errors"

// prefer has nothing to set.
func prefer(uintptr, bool) error { return errors.ErrUnsupported }
