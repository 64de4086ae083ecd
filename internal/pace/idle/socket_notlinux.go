//go:build !linux

package idle

import "errors"

// windowed says that this package can hold receive windows here.
const windowed = false

func (r *reading) read(uintptr) error { return errors.ErrUnsupported }

func setWindow(uintptr, int64) error { return errors.ErrUnsupported }

func shrinkBuffer(uintptr) (int, error) { return 0, errors.ErrUnsupported }

func growBuffer(uintptr, int) error { return errors.ErrUnsupported }

func setLot(uintptr, int) error { return errors.ErrUnsupported }

func openWindow(uintptr) error { return errors.ErrUnsupported }

func (*backlog) read(uintptr) error { return errors.ErrUnsupported }

func cork(uintptr, bool) error { return errors.ErrUnsupported }
