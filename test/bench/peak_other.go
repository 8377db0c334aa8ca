//go:build !linux

package bench

import "os"

// watchPeak knows of no way to tell a child's peak here: 0 is "not measured".
func watchPeak(int) func(*os.ProcessState) int64 {
	return func(*os.ProcessState) int64 { return 0 }
}
