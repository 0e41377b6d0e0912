//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"gpc/userspace/guesttest/bare"
)

// These tests fork a process with many threads all the time, so all that they say rests on this: what a thread writes while another forks is
// not written to a page that is the child's alone by then. An emulator that lets other processors use a translation after the invalidation
// has returned loses such writes (bare/fork.go tells of it), seen as a Go runtime that counted its locks wrong.
func TestWritesBesideForksAreKept(t *testing.T) {
	begin(t)
	const writers, pages, long = 3, 64, 5 * time.Second
	shared := got(unix.Mmap(-1, 0, pages*int(pageSize), readWrite, anonymous))(t)
	defer unix.Munmap(shared)
	var over atomic.Bool
	ends := make(chan error, writers) // or one that has lost a write would wait for the end of the forks
	for w := range writers {
		go func() {
			defer over.Store(true)
			runtime.LockOSThread()
			for last := uint64(0); !over.Load(); last++ {
				for page := range pages {
					// The writers share each page, and none has a word with another.
					word := (*uint64)(unsafe.Pointer(&shared[page*int(pageSize)+w*512]))
					if *word != last {
						ends <- fmt.Errorf("writer %d wrote %d and reads %d", w, last, *word)
						return
					}
					*word = last + 1
				}
			}
			ends <- nil
		}()
	}
	for start := time.Now(); time.Since(start) < long && !over.Load(); {
		pid, err := bare.Fork(bare.Sleeps)
		if err != nil {
			t.Error(err)
			break
		}
		time.Sleep(time.Millisecond) // for the writers, who have to copy each page now
		unix.Kill(pid, unix.SIGKILL)
		reap(pid)
	}
	over.Store(true)
	var err error
	for range writers {
		err = errors.Join(err, <-ends)
	}
	must(t, err)
}
