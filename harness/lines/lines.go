// Package lines tells from which lines of source a kernel's code comes: func+0x12/0x34 in a trace becomes
// func+0x12/0x34 [kernel/container/dir.c:123], with what was inlined there.
//
// Kernels are mostly built without debug information, with which the compiler takes a third longer, and its objects six times the
// room. So the objects that a trace leads through, a dozen of the thousand, are compiled once more when they are needed, with debug
// information, which does not change the code. A kernel that was built with debug information is asked itself.
package lines

import (
	"context"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"gpc/harness/kernel"
)

// patience is how long it may take to find all lines of a text. Those that are not found by then stay unknown.
const patience = 2 * time.Minute

// place matches a place in the code as kernels print it: a function, how far into it, and how long it is.
var place = regexp.MustCompile(`([A-Za-z_.][\w.]*)\+0x([0-9a-f]+)/0x([0-9a-f]+)`)

// exact matches lines that show where a processor was. Others show where functions will return to, which may belong to the next line already.
var exact = regexp.MustCompile(`RIP: |NIP |^processor \d`)

// function is a place's function, as far as a trace tells it.
type function struct {
	name string
	size uint64
}

// Annotate returns a text of a kernel's, such as a report, with the lines of source behind the places in it. Where they cannot be found, for
// want of a build directory or because the source was edited after the kernel was built, the text stays as it is.
func Annotate(ctx context.Context, image *kernel.Image, text string) string {
	if image.Dir == "" || !place.MatchString(text) {
		return text
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	code, err := open(image)
	if err != nil {
		return text
	}
	defer code.close()
	var asked []position
	eachPlace(text, func(f function, offset uint64) string {
		asked = append(asked, code.positions(f, offset)...)
		return ""
	})
	found := code.lookUp(ctx, asked)
	source := sourceOf(image)
	return eachPlace(text, func(f function, offset uint64) string {
		var all []string
		for _, p := range code.positions(f, offset) {
			if frames := found[p]; len(frames) > 0 {
				all = append(all, describe(frames, source))
			}
		}
		if len(all) == 0 {
			return ""
		}
		return " [" + strings.Join(all, " or ") + "]"
	})
}

// eachPlace calls f for each place in a text, and returns the text with what f returned behind each.
func eachPlace(text string, f func(f function, offset uint64) string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		isExact := exact.MatchString(line)
		end := 0
		for _, at := range place.FindAllStringSubmatchIndex(line, -1) {
			offset, err1 := strconv.ParseUint(line[at[4]:at[5]], 16, 64)
			size, err2 := strconv.ParseUint(line[at[6]:at[7]], 16, 64)
			out.WriteString(line[end:at[1]])
			end = at[1]
			if err1 != nil || err2 != nil {
				continue
			}
			if !isExact && offset > 0 {
				offset--
			}
			out.WriteString(f(function{strings.TrimPrefix(line[at[2]:at[3]], "."), size}, offset))
		}
		out.WriteString(line[end:])
	}
	return out.String()
}

// frame is a line of source, and the function that it is of.
type frame struct{ function, file, line string }

// mostFrames is how many frames of one place are shown.
const mostFrames = 4

// describe tells a place's line and, behind it, the lines of what was inlined there. frames begin with the innermost.
func describe(frames []frame, source string) string {
	var all []string
	for i := len(frames) - 1; i >= 0; i-- {
		if i > 0 && frames[i].function == frames[i-1].function {
			continue // a function that is said to be in itself, from the line where it begins
		}
		text := relative(frames[i].file, source) + ":" + frames[i].line
		if len(all) > 0 {
			text = frames[i].function + " " + text
		}
		all = append(all, text)
	}
	if n := len(all); n > mostFrames {
		all = append(append(all[:mostFrames-1:mostFrames-1], "..."), all[n-1])
	}
	return strings.Join(all, " > ")
}

// relative returns a file's name as seen from the top of the kernel's source.
func relative(file, source string) string {
	file = path.Clean(file)
	if rel, ok := strings.CutPrefix(file, source+"/"); ok {
		return rel
	}
	return file
}

// sourceOf returns the tree from which a kernel was built, as its debug information names it.
func sourceOf(image *kernel.Image) string {
	if image.Source != "" {
		return image.Source
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(image.Dir, "source"))
	if err != nil {
		dir = image.Dir // built in the tree itself
	}
	return dir
}

// lookUp returns the frames of positions, innermost first.
func (c *code) lookUp(ctx context.Context, asked []position) map[position][]frame {
	inSection := map[section][]uint64{}
	for _, p := range asked {
		inSection[p.section] = append(inSection[p.section], p.address)
	}
	var mutex sync.Mutex
	found := map[position][]frame{}
	var all sync.WaitGroup
	free := make(chan bool, runtime.NumCPU())
	for s, addresses := range inSection {
		all.Go(func() {
			free <- true
			defer func() { <-free }()
			frames, err := c.ask(ctx, s, addresses)
			if err != nil {
				return // these stay unknown
			}
			mutex.Lock()
			defer mutex.Unlock()
			for i, address := range addresses {
				found[position{s, address}] = frames[i]
			}
		})
	}
	all.Wait()
	return found
}
