//go:build race

package idle

// racing leaves out the fast lines: nothing in a simulation is concurrent, and each packet costs ten times as much.
const racing = true
