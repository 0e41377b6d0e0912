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

// Table has the functions of a kernel, or its variables, by address.
type Table struct {
	addresses []uint64
	names     []string
	end       uint64 // of the main code; what lies behind it is needed only at boot
	limit     uint64 // behind all that has a name, 0 if there is none
}

// Read reads the functions of a kernel. One whose symbols are not known is an error.
func Read(image *kernel.Image) (Table, error) { return read(image, "tTwW", "") }

// ReadVariables reads what else has a name in a kernel, and an address in its image. One whose symbols are not known is an error.
func ReadVariables(image *kernel.Image) (Table, error) { return read(image, "dDbBrR", "_stext") }

// read reads the symbols of some types: those behind that of the name begin, which is there before them, if there is one. System.map is sorted by
// address.
func read(image *kernel.Image, types, begin string) (Table, error) {
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
		if len(words) == 3 && words[2] == begin {
			begin = ""
		}
		isEnd := len(words) == 3 && words[2] == "_etext"
		if begin != "" || !isEnd && (len(words) != 3 || !strings.Contains(types, words[1])) {
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
		if words[2] == "_end" {
			t.limit = address
			continue
		}
		t.addresses = append(t.addresses, address)
		// On ppc64 a function's code has a dot before its name.
		t.names = append(t.names, strings.TrimPrefix(words[2], "."))
	}
	return t, lines.Err()
}

// Names returns the names of all, in the order of their addresses.
func (t Table) Names() []string { return t.names }

// Address returns the address of what has a name. There is none, and ok false, where nothing has it.
func (t Table) Address(name string) (address uint64, ok bool) {
	i := slices.Index(t.names, name)
	if i < 0 {
		return 0, false
	}
	return t.addresses[i], true
}

// At returns the name of what is at an address and how far into it that is. There is none, and ok false, below the first
// and behind the last.
func (t Table) At(address uint64) (name string, offset uint64, ok bool) {
	i, ok := t.index(address)
	if !ok || t.limit != 0 && address >= t.limit {
		return "", 0, false
	}
	return t.names[i], address - t.addresses[i], true
}

// index returns the number of the last function that begins at or below an address.
func (t Table) index(address uint64) (i int, ok bool) {
	i, found := slices.BinarySearch(t.addresses, address)
	if !found {
		i--
	}
	return i, i >= 0
}

// Place returns where in the code an address is, as kernels write it: name+0xOFFSET/0xSIZE, with what lies between a function and the next one
// counted as the first one's. There is none, and ok false, below the kernel's code.
func (t Table) Place(address uint64) (place string, ok bool) {
	i, ok := t.index(address)
	if !ok {
		return "", false
	}
	begin := t.addresses[i]
	next, _ := slices.BinarySearch(t.addresses, begin+1)
	end := t.end
	if next < len(t.addresses) {
		end = t.addresses[next]
	}
	// A function may have several names. Kernels use the first.
	first, _ := slices.BinarySearch(t.addresses, begin)
	return fmt.Sprintf("%s+%#x/%#x", t.names[first], address-begin, end-begin), true
}

// Inside tells whether an address lies in a function, behind its first instruction and in the kernel's main code, as addresses to
// return to do.
func (t Table) Inside(address uint64) bool {
	_, offset, ok := t.At(address)
	return ok && offset > 0 && address < t.end
}
