// Package symbols names the functions of a kernel that was built.
package symbols

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"gpc/harness/kernel"
)

// Table has the functions of a kernel, by address.
type Table struct {
	addresses []uint64
	names     []string
	end       uint64 // of the main code; what lies behind it is needed only at boot
}

// Read reads the functions of a kernel. One whose symbols are not known is an error.
func Read(image *kernel.Image) (Table, error) {
	if image.Symbols == "" {
		return Table{}, fmt.Errorf("no System.map lies beside the kernel %s, so its functions have no names", image.Path)
	}
	f, err := os.Open(image.Symbols)
	if err != nil {
		return Table{}, err
	}
	defer f.Close()
	var t Table
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		isEnd := len(words) == 3 && words[2] == "_etext"
		if !isEnd && (len(words) != 3 || !strings.Contains("tTwW", words[1])) {
			continue
		}
		address, err := strconv.ParseUint(words[0], 16, 64)
		if err != nil {
			return t, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if isEnd {
			t.end = address
			continue
		}
		t.addresses = append(t.addresses, address)
		// On ppc64 a function's code has a dot before its name.
		t.names = append(t.names, strings.TrimPrefix(words[2], "."))
	}
	return t, lines.Err()
}

// At returns the name of the function at an address and how far into it that is. There is none, and ok false, below the kernel's code.
func (t Table) At(address uint64) (name string, offset uint64, ok bool) {
	i, found := slices.BinarySearch(t.addresses, address)
	if !found {
		i--
	}
	if i < 0 {
		return "", 0, false
	}
	return t.names[i], address - t.addresses[i], true
}

// Inside returns the function that an address lies in, behind its first instruction and in the kernel's main code, as addresses to
// return to do.
func (t Table) Inside(address uint64) (name string, offset uint64, ok bool) {
	name, offset, ok = t.At(address)
	return name, offset, ok && offset > 0 && address < t.end
}
