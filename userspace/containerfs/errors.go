package containerfs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// What errors are about, for errors.Is. The kernel's errno can be asked for as well, and fs.ErrNotExist, fs.ErrExist and
// fs.ErrPermission.
var (
	// ErrNoContainers: the kernel has no process containers.
	ErrNoContainers = errors.New("this kernel has no process containers")
	// ErrNotMounted: no hierarchy of containers is mounted there.
	ErrNotMounted = errors.New("no hierarchy of containers is mounted there")
	// ErrEscapes: the name leads out of the hierarchy.
	ErrEscapes = errors.New("that leads out of the hierarchy")
	// ErrBusy: something is in use. *Busy tells by whom a container is.
	ErrBusy = errors.New("busy")
	// ErrGone: the container has been removed meanwhile.
	ErrGone = errors.New("the container has been removed")
	// ErrNoTask: there is no such task, or it is exiting.
	ErrNoTask = errors.New("there is no such task, or it is exiting")
	// ErrEmptyCpuset: a cpuset has, or would have, no CPUs or no memory nodes for its tasks.
	ErrEmptyCpuset = errors.New("the cpuset would have no CPUs or no memory nodes")
	// ErrOverlap: an exclusive cpuset would share something with a sibling. *Overlap tells what, and with whom.
	ErrOverlap = errors.New("an exclusive cpuset would overlap another")
	// ErrLimit: there are as many containers as there may be.
	ErrLimit = errors.New("there may be no more containers here")
	// ErrInvalid: the kernel cannot make sense of what was written.
	ErrInvalid = errors.New("that makes no sense here")
)

// Error is what every operation of this package fails with.
type Error struct {
	// Op is what was tried, as words that Path follows: "remove", "write \"1\" to".
	Op string
	// Path is the full path of the container or the file.
	Path string
	// Text is what was written, if anything was.
	Text string
	// Kind is what the error is about, one of the errors of this package, or nil where the errno says all.
	Kind error
	// Err is the kernel's errno, or nil where the kernel was not even asked.
	Err error
	// Reason is why, where that could be found out; else nil.
	Reason error
}

// Error returns a sentence: what could not be done to what, and why.
func (e *Error) Error() string {
	if busy, ok := e.Reason.(*Busy); ok {
		return e.Path + " is busy: " + busy.Error()
	}
	if e.Kind == ErrNoContainers {
		return ErrNoContainers.Error()
	}
	return "cannot " + e.Op + " " + e.Path + ": " + e.why()
}

// why returns the best that is known of the reason. What an errno is called elsewhere comes last: ENOSPC is no full disk here.
func (e *Error) why() string {
	switch {
	case e.Reason != nil:
		return e.Reason.Error()
	case e.Kind != nil:
		return e.Kind.Error()
	default:
		return e.Err.Error()
	}
}

// Unwrap returns all that the error is.
func (e *Error) Unwrap() []error {
	var all []error
	for _, err := range []error{e.Kind, e.Err, e.Reason} {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

// fail makes the error of an operation. err is an errno or one of this package's.
func fail(op, path string, err error) *Error {
	e := &Error{Op: op, Path: path}
	var errno unix.Errno
	if errors.As(err, &errno) {
		e.Err, e.Kind = errno, kinds[errno]
	} else {
		e.Kind = err
	}
	return e
}

// kinds is what an errno of the filesystem means, where it means the same for all operations.
var kinds = map[unix.Errno]error{
	unix.EBUSY:  ErrBusy,
	unix.ENODEV: ErrGone,
	unix.ESRCH:  ErrNoTask,
	unix.EINVAL: ErrInvalid,
}

// because adds the reason to an error, if it was found.
func (e *Error) because(reason error) *Error {
	if reason != nil {
		e.Reason = reason
	}
	return e
}

// Busy is why a container cannot be removed.
type Busy struct {
	// Tasks are the ids of the threads in the container.
	Tasks []int
	// First is what /proc says of the first of them.
	First Task
	// Children are the names of the containers directly below.
	Children []string
	// Root tells that it is the top of its hierarchy, which is never removed.
	Root bool
}

// Error tells how many of what there are, and the first of them. A container with neither tasks nor children is held by the
// kernel: by an open file that is charged to it, for example.
func (b *Busy) Error() string {
	if b.Root {
		return "it is the root of its hierarchy, which goes when it is unmounted"
	}
	var parts []string
	if n := len(b.Tasks); n > 0 {
		parts = append(parts, fmt.Sprintf("%s, first %d %s", count(n, "task"), b.Tasks[0], b.First.Comm))
	}
	if n := len(b.Children); n > 0 {
		parts = append(parts, fmt.Sprintf("%s below it, first %s", count(n, "container"), b.Children[0]))
	}
	if len(parts) == 0 {
		return "it has neither tasks nor containers below it, but the kernel still holds something that is charged to it"
	}
	return strings.Join(parts, "; ")
}

// count is a number of things in words.
func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
