package machine

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
)

// errOther says that a file is no kernel of the kind that a machine boots.
var errOther = errors.New("another kind of file")

// ofImage returns the machine that boots the kernel in a file, and the kernel's version.
func ofImage(path string) (*Machine, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	for _, m := range all {
		release, err := m.Recognize(f)
		if errors.Is(err, errOther) {
			continue
		}
		if err != nil {
			return nil, "", fmt.Errorf("%s cannot be booted: %w", path, err)
		}
		return m, release, nil
	}
	return nil, "", fmt.Errorf("%s cannot be booted: it is %s", path, kind(f))
}

// RecognizeImage returns the version of the kernel in a file, or an error that says why the machine cannot boot it.
func (m *Machine) RecognizeImage(path string) (release string, err error) {
	found, release, err := ofImage(path)
	if err == nil && found != m {
		err = fmt.Errorf("%s is a kernel for %s: use --arch %s", path, found.Name, found.Name)
	}
	return release, err
}

// compressed are the beginnings of compressed files.
var compressed = map[string]string{"\x1f\x8b": "gzip", "\xfd7zXZ\x00": "xz", "\x28\xb5\x2f\xfd": "zstd", "BZh": "bzip2"}

// kind says what a file is that is no kernel that a machine boots.
func kind(f *os.File) string {
	start := make([]byte, 8)
	_, _ = f.ReadAt(start, 0) // a short file is of no kind
	for magic, program := range compressed {
		if bytes.HasPrefix(start, []byte(magic)) {
			return "compressed with " + program + ": unpack it first"
		}
	}
	linked, err := elf.NewFile(f)
	if err == nil && linked.Machine == elf.EM_X86_64 {
		return fmt.Sprintf("a linked kernel, where x86_64 boots %s of the same build", x86_64.Image)
	}
	if err == nil {
		return fmt.Sprintf("a program of architecture %v", linked.Machine)
	}
	return fmt.Sprintf("neither a bzImage of x86_64 (%s) nor a vmlinux of big-endian ppc64", x86_64.Image)
}

// banner returns the version that a linked kernel says it has.
func banner(f *elf.File) (string, error) {
	const before = "Linux version "
	for _, s := range f.Sections {
		if s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		text, err := s.Data()
		if err != nil {
			return "", err
		}
		// There are formats of the banner, too.
		for _, part := range bytes.Split(text, []byte(before))[1:] {
			if release := firstWord(part[:min(len(part), 128)]); release != "" && release[0] >= '0' && release[0] <= '9' {
				return release, nil
			}
		}
	}
	return "", errors.New("no version of Linux is in it")
}

// firstWord is what stands before the first blank or the end of a string.
func firstWord(text []byte) string {
	if i := bytes.IndexAny(text, " \x00"); i >= 0 {
		text = text[:i]
	}
	return string(text)
}
