package app

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// lockDir takes the lock of a data directory, which the kernel gives back when the process ends, however it does.
func lockDir(dir string) (release func(), err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("create data_dir: %w; choose a directory this account may write to", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "nightjar.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("write to data_dir: %w; choose a directory this account may write to", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another Nightjar is running with data_dir %s: stop it, or choose another data_dir", dir)
	}
	return func() { f.Close() }, nil
}
