package qemu

import (
	"fmt"
	"strconv"
	"strings"
)

// ParseSize reads the size of a memory or of a disk in QEMU's notation, a number with M (or nothing) or G behind it, and returns
// it in MiB.
func ParseSize(text string) (int, error) {
	digits, unit := text, 1
	switch {
	case strings.HasSuffix(text, "M"), strings.HasSuffix(text, "m"):
		digits = text[:len(text)-1]
	case strings.HasSuffix(text, "G"), strings.HasSuffix(text, "g"):
		digits, unit = text[:len(text)-1], 1024
	}
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || n == 0 || n*uint64(unit) > 1<<31-1 {
		return 0, fmt.Errorf("%q is not a size: give MiB or GiB, such as 512M or 2G", text)
	}
	return int(n) * unit, nil
}
