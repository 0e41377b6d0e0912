//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"gpc/userspace/containerfs"
	"gpc/userspace/guesttest/bare"
)

func TestMain(m *testing.M) {
	if runHelper() {
		return
	}
	if err := checkPlace(); err != nil {
		fmt.Fprintln(os.Stderr, "guesttest:", err)
		os.Exit(1)
	}
	if err := bare.GuardForks(); err != nil {
		fmt.Fprintln(os.Stderr, "guesttest: guard forks:", err)
		os.Exit(1)
	}
	status := m.Run()
	if err := checkEnd(); err != nil {
		fmt.Println("guesttest: at the end of the run:", err)
		status = 1
	}
	os.Exit(status)
}

// checkPlace returns an error unless this is a kernel with containers and nobody else uses them.
func checkPlace() error {
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return err
	}
	if !strings.Contains(string(known), "\t"+containerfs.Type+"\n") {
		return fmt.Errorf("this kernel has no filesystem type %q: run these tests in a guest, with gpclab test", containerfs.Type)
	}
	status, err := containerfs.ReadStatus()
	if err != nil {
		return err
	}
	if n := len(status.Hierarchies); n != 0 {
		return fmt.Errorf("%d hierarchies are active already: unmount them first, the tests count everything", n)
	}
	return nil
}

// checkEnd returns an error if the run has left anything behind, or the kernel is no longer as healthy as it was.
func checkEnd() error {
	if err := checkPlace(); err != nil {
		return err
	}
	if err := checkHealth(); err != nil {
		return err
	}
	if debugFlavor {
		return checkDebugPairIdle()
	}
	return nil
}
