//go:build unix

package notify

import (
	"fmt"
	"os"
	"testing"
)

func us(*testing.T) string { return fmt.Sprintf("uid:%d", os.Geteuid()) }
