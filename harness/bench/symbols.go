package bench

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"gpc/harness/kernel"
)

// userSpace stands for all code that is no function of the kernel.
const userSpace = "(user space)"

// symbols are the functions of a kernel, by address.
type symbols struct {
	addresses []uint64
	names     []string
}

// readSymbols reads the functions of a kernel that was built.
func readSymbols(image *kernel.Image) (symbols, error) {
	f, err := os.Open(filepath.Join(image.Dir, "System.map"))
	if err != nil {
		return symbols{}, err
	}
	defer f.Close()
	var s symbols
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) != 3 || !strings.Contains("tTwW", words[1]) {
			continue
		}
		address, err := strconv.ParseUint(words[0], 16, 64)
		if err != nil {
			return s, fmt.Errorf("%s: %w", f.Name(), err)
		}
		s.addresses = append(s.addresses, address)
		// On ppc64 a function's code has a dot before its name.
		s.names = append(s.names, strings.TrimPrefix(words[2], "."))
	}
	return s, lines.Err()
}

// at names the function at an address.
func (s symbols) at(address uint64) string {
	i, found := slices.BinarySearch(s.addresses, address)
	switch {
	case found:
		return s.names[i]
	case i == 0:
		return userSpace
	default:
		return s.names[i-1]
	}
}

// count adds up the instructions of each function.
func (s symbols) count(blocks []block) map[string]int64 {
	counts := map[string]int64{}
	for _, b := range blocks {
		counts[s.at(b.Address)] += int64(b.Instructions * b.Executions)
	}
	return counts
}
