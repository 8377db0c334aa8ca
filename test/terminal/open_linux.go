package terminal

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// Open opens a pseudo terminal of so many columns: what is written to its far end can be read from the near one. Without
// pseudo terminals the test is skipped.
func Open(t testing.TB, columns uint16) (near, far *os.File) {
	t.Helper()
	near, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { near.Close() })
	control := func(request uintptr, arg unsafe.Pointer) error {
		if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, near.Fd(), request, uintptr(arg)); code != 0 {
			return code
		}
		return nil
	}
	var locked, number int32
	size := [4]uint16{50, columns, 0, 0}
	if err := control(syscall.TIOCSPTLCK, unsafe.Pointer(&locked)); err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	if err := control(syscall.TIOCGPTN, unsafe.Pointer(&number)); err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	if err := control(syscall.TIOCSWINSZ, unsafe.Pointer(&size)); err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	far, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { far.Close() })
	return near, far
}
