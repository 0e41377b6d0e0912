package guest

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"gpc/harness/qemu"
)

// besideMemory is what an emulator takes beside its guest's memory, in MiB: most of it is translated code.
const besideMemory = 1024

// Places returns how many guests that need as much memory as the largest of some sizes, in QEMU's notation, the host can have beside each
// other, at least one: three for two processors, as a guest keeps one busy but for a part of its time, in which it waits, and as its memory has room for.
func Places(sizes ...string) (int, error) {
	free, err := availableMemory()
	if err != nil {
		return 0, err
	}
	largest := 0
	for _, size := range sizes {
		mib, err := qemu.ParseSize(size)
		if err != nil {
			return 0, err
		}
		largest = max(largest, mib)
	}
	return places(runtime.GOMAXPROCS(0), free, largest), nil
}

// places is Places for a host with so many processors and MiB that are free.
func places(processors, free, mib int) int {
	return max(1, min(processors*3/2, free/(mib+besideMemory)))
}

// availableMemory returns how many MiB the host's kernel thinks that it can give to programs.
func availableMemory() (int, error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			kib := 0
			_, err := fmt.Sscanf(text, "%d kB", &kib)
			return kib >> 10, err
		}
	}
	return 0, fmt.Errorf("%s does not tell what memory is available: %w", f.Name(), lines.Err())
}
