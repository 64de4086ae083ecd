//go:build !race

package idle

const racing = false
