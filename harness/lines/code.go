package lines

import (
	"bufio"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"gpc/harness/kernel"
)

// section is a part of an object file with code. The name is empty in a file that is linked, where an address needs no section.
type section struct{ object, name string }

// position is a place in an object file.
type position struct {
	section
	address uint64
}

// symbol is a function in an object file.
type symbol struct {
	section
	value, size uint64
}

// code is the code of a kernel: its functions, and the files that have them.
type code struct {
	image   *kernel.Image
	symbols map[string][]symbol
	scratch string // a directory for objects that are compiled again

	mutex    sync.Mutex
	compiled map[string]func() (string, error) // by the path of the object
}

// open finds the functions of a kernel in the directory where it was built.
func open(image *kernel.Image) (*code, error) {
	c := &code{image: image, symbols: map[string][]symbol{}, compiled: map[string]func() (string, error){}}
	objects := []string{"vmlinux"}
	hasLines, err := hasDebugInfo(filepath.Join(image.Dir, "vmlinux"))
	if err != nil {
		return nil, err
	}
	if !hasLines {
		if objects, err = linked(image); err != nil {
			return nil, err
		}
	}
	for _, object := range objects {
		if err := c.add(object); err != nil {
			return nil, err
		}
	}
	c.scratch, err = os.MkdirTemp("", "gpc-lines-")
	return c, err
}

// close deletes what was compiled.
func (c *code) close() { os.RemoveAll(c.scratch) }

// hasDebugInfo tells whether a linked kernel knows its lines.
func hasDebugInfo(vmlinux string) (bool, error) {
	f, err := elf.Open(vmlinux)
	if err != nil {
		return false, err
	}
	defer f.Close()
	return f.Section(".debug_info") != nil, nil
}

// linked lists the object files that a kernel was linked from, as seen from its build directory. What is in lib.a is linked if it is needed.
func linked(image *kernel.Image) ([]string, error) {
	var objects []string
	for _, pattern := range []string{"vmlinux.a", "lib/lib.a", "arch/*/lib/lib.a"} {
		archives, err := filepath.Glob(filepath.Join(image.Dir, pattern))
		if err != nil {
			return nil, err
		}
		for _, archive := range archives {
			list := exec.Command(image.Machine.CrossCompile+"ar", "t", archive)
			list.Dir = image.Dir
			out, err := list.Output()
			if err != nil {
				return nil, fmt.Errorf("list %s: %w", archive, err)
			}
			for name := range strings.Lines(string(out)) {
				name = strings.TrimSpace(name)
				if rel, err := filepath.Rel(image.Dir, name); err == nil && filepath.IsAbs(name) {
					name = rel
				}
				objects = append(objects, name)
			}
		}
	}
	return objects, nil
}

// add adds the functions of a file.
func (c *code) add(object string) error {
	functions, err := functionsOf(filepath.Join(c.image.Dir, object))
	if err != nil {
		return err
	}
	for name, all := range functions {
		for _, s := range all {
			s.object = object
			c.symbols[name] = append(c.symbols[name], s)
		}
	}
	return nil
}

// functionsOf returns the functions in a file by name. On ppc64 a function's code has a dot before its name.
func functionsOf(path string) (map[string][]symbol, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	all, err := f.Symbols()
	if errors.Is(err, elf.ErrNoSymbols) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	functions := map[string][]symbol{}
	for _, s := range all {
		kind := elf.ST_TYPE(s.Info)
		if kind != elf.STT_FUNC && kind != elf.STT_NOTYPE || s.Name == "" || int(s.Section) >= len(f.Sections) {
			continue
		}
		in := f.Sections[s.Section]
		if in.Flags&elf.SHF_EXECINSTR == 0 {
			continue
		}
		where := section{name: in.Name}
		if f.Type != elf.ET_REL {
			where.name = ""
		}
		name := strings.TrimPrefix(s.Name, ".")
		functions[name] = append(functions[name], symbol{where, s.Value, s.Size})
	}
	return functions, nil
}

// padding is what may lie between a function and the next one, which kernels take for a part of the first.
const padding = 64

// positions returns where a place may be: in one position mostly, none where nothing is known of the function, and several where static functions
// have the same name and size.
func (c *code) positions(f function, offset uint64) []position {
	var all []position
	for _, s := range c.symbols[f.name] {
		if s.size > 0 && (offset >= s.size || f.size < s.size || f.size >= s.size+padding) {
			continue
		}
		all = append(all, position{s.section, s.value + offset})
	}
	return all
}

// ask asks addr2line for the frames of addresses in a section.
func (c *code) ask(ctx context.Context, s section, addresses []uint64) ([][]frame, error) {
	path, err := c.withLines(ctx, s.object)
	if err != nil {
		return nil, err
	}
	args := []string{"-a", "-f", "-i", "-e", path}
	if s.name != "" {
		args = append(args, "-j", s.name)
	}
	for _, a := range addresses {
		args = append(args, "0x"+strconv.FormatUint(a, 16))
	}
	out, err := exec.CommandContext(ctx, c.image.Machine.CrossCompile+"addr2line", args...).Output()
	if err != nil {
		return nil, err
	}
	return parseFrames(string(out), len(addresses))
}

// parseFrames reads what addr2line prints for n addresses: each, and then two lines for each frame.
func parseFrames(text string, n int) ([][]frame, error) {
	var all [][]frame
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "0x") {
			all = append(all, nil)
			continue
		}
		f := frame{function: strings.TrimPrefix(lines.Text(), ".")}
		if !lines.Scan() || len(all) == 0 {
			return nil, errors.New("addr2line prints something unknown")
		}
		where, _, _ := strings.Cut(lines.Text(), " ") // a discriminator may follow
		i := strings.LastIndexByte(where, ':')
		if i < 0 {
			return nil, errors.New("addr2line prints something unknown")
		}
		f.file, f.line = where[:i], where[i+1:]
		if f.file != "??" && f.line != "?" && f.line != "0" {
			all[len(all)-1] = append(all[len(all)-1], f)
		}
	}
	if len(all) != n {
		return nil, fmt.Errorf("addr2line answers to %d of %d questions", len(all), n)
	}
	return all, nil
}
