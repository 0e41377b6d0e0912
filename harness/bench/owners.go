package bench

import (
	"debug/elf"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gpc/harness/kernel"
	"gpc/harness/series"
	"gpc/harness/symbols"
)

// callers is the part of the series that is not functions of its own: what it adds to those that were there.
const callers = "callers"

// owners tells which part of the series a function of the kernel is of: the step that brings it, as "core" or "numtasks", or "numtasks/bc" if both have one of that name; or callers for one of the
// kernel's own that the series has changed.
type owners map[string]string

// findOwners reads the objects of two builds, the unpatched and the patched one. A function of a file that the series brings is of that step. One of a
// file that it edits is a caller if its code has another length than in the unpatched kernel, or is in one of them only: what the compiler has taken
// into its callers there. What is of the same length has got no hook.
func findOwners(s *series.Series, vanilla, patched *kernel.Image) (owners, error) {
	all := owners{}
	for _, step := range s.Steps {
		files, err := s.Edits(step)
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			before, err := functionSizes(vanilla.Dir, file)
			if err != nil {
				return nil, err
			}
			after, err := functionSizes(patched.Dir, file)
			if err != nil {
				return nil, err
			}
			all.addChanged(before, after)
		}
	}
	if err := all.dropAmbiguous(vanilla, patched); err != nil {
		return nil, err
	}
	// Later, as a name may be in both: static functions of a step are its own.
	for _, step := range s.Steps {
		for _, file := range step.Files {
			sizes, err := functionSizes(patched.Dir, file)
			if err != nil {
				return nil, err
			}
			for name := range sizes {
				all.add(name, partOf(step))
			}
		}
	}
	return all, nil
}

// add says that a step has a function of that name. Static ones of one name in several steps are both's.
func (o owners) add(name, part string) {
	switch has := o[name]; {
	case has == "" || has == callers:
		o[name] = part
	case !slices.Contains(strings.Split(has, "/"), part):
		o[name] = has + "/" + part
	}
}

// dropAmbiguous forgets functions of whose name a kernel has several, as static ones of headers that the compiler has not taken into their callers: which of
// them has run is not counted.
func (o owners) dropAmbiguous(kernels ...*kernel.Image) error {
	for _, k := range kernels {
		functions, err := symbols.Read(k)
		if err != nil {
			return err
		}
		seen := map[string]bool{}
		for _, name := range functions.Names() {
			if seen[name] {
				delete(o, baseName(name))
			}
			seen[name] = true
		}
	}
	return nil
}

// addChanged adds the functions whose sizes differ.
func (o owners) addChanged(before, after map[string]uint64) {
	for name, size := range after {
		if before[name] != size {
			o[name] = callers
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			o[name] = callers
		}
	}
}

var stepName = regexp.MustCompile(`^\d+-(?:containers-)?(.*)\.patch$`)

// partOf is what a step is called: "core" for 0001-containers-core.patch.
func partOf(step series.Step) string { return stepName.ReplaceAllString(step.Patch, "$1") }

// functionSizes reads the functions of the object that a source file was compiled to, and the lengths of their code. There are none if it is no
// program, or is not configured.
func functionSizes(buildDir, file string) (map[string]uint64, error) {
	source, ok := strings.CutSuffix(file, ".c")
	if !ok {
		return nil, nil
	}
	object, err := elf.Open(filepath.Join(buildDir, source+".o"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer object.Close()
	table, err := object.Symbols()
	if err != nil {
		return nil, err
	}
	sizes := map[string]uint64{}
	for _, s := range table {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && int(s.Section) < len(object.Sections) && object.Sections[s.Section].Flags&elf.SHF_EXECINSTR != 0 {
			sizes[baseName(s.Name)] += s.Size
		}
	}
	return sizes, nil
}

// baseName is the name that a function has in its source. Its code has a dot before it on ppc64, and the compiler appends a word with a dot to what it
// has split off or specialised.
func baseName(symbol string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(symbol, "."), ".")
	return name
}
