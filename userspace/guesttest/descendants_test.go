//go:build guest

package guesttest

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

func TestMaxDescendants(t *testing.T) {
	begin(t)
	h := mount(t, named("max"))
	a := mkdir(t, h.Root(), "a", "a/b")
	b := a.Child("b")
	for _, c := range []containerfs.Container{h.Root(), a, b} {
		if text := got(os.ReadFile(c.File("max_descendants")))(t); string(text) != "max\n" {
			t.Errorf("%s at first: got %q", c.Path, text)
		}
	}
	must(t, a.SetMaxDescendants(3))
	mkdir(t, b, "1", "1/2") // that is three below a
	for _, c := range []containerfs.Container{a, b, b.Child("1"), b.Child("1/2")} {
		wantError(t, c.Child("more").Create(), unix.EAGAIN, "the fourth, in %s", c.Path)
	}
	mkdir(t, h.Root(), "beside")

	must(t, b.Child("1/2").Remove()) // and one can be made again
	mkdir(t, a, "c")
	wantError(t, a.Child("more").Create(), unix.EAGAIN, "the fourth")

	// A limit below what there is: that stays.
	must(t, a.SetMaxDescendants(1))
	if n := got(a.MaxDescendants())(t); n != 1 {
		t.Errorf("max_descendants: got %d, want 1", n)
	}
	must(t, a.Child("c").Remove())
	wantError(t, b.Child("more").Create(), unix.EAGAIN, "with two below a limit of one")
	must(t, b.Child("1").Remove())
	wantError(t, b.Child("more").Create(), unix.EAGAIN, "with one below a limit of one")
	must(t, b.Remove())
	mkdir(t, a, "b")

	must(t, a.SetMaxDescendants(containerfs.NoLimit))
	mkdir(t, a, "c", "d")
	must(t, h.Root().SetMaxDescendants(0))
	wantError(t, a.Child("e").Create(), unix.EAGAIN, "none below the root")
	wantError(t, h.Container("/e").Create(), unix.EAGAIN, "none below the root")
}

func TestMaxDescendantsNonsense(t *testing.T) {
	begin(t)
	a := mkdir(t, mount(t, named("nonsense")).Root(), "a")
	for _, text := range []string{"", "-1", "x", "maximum", "MAX", "1 1", "4294967296", "99999999999999999999", "max\x00"} {
		wantError(t, a.Write("max_descendants", text+"\n"), unix.EINVAL, "write of %q", text)
	}
	for _, text := range []string{"7", " 7\n", "max", "max\n", "0"} {
		wantError(t, a.Write("max_descendants", text), 0, "write of %q", text)
	}
}

// However many make containers at the same time, there are never more than may be, and all can be had.
func TestRaceMaxDescendants(t *testing.T) {
	begin(t)
	h := mount(t, named("max"))
	top := mkdir(t, h.Root(), "top", "top/x", "top/y")
	const limit = 5 // x, y, and three more
	must(t, top.SetMaxDescendants(limit))
	var made, refused atomic.Int64
	r := newRace(t)
	for i := range 4 {
		c := top.Child([]string{"x", "y"}[i%2]).Child(fmt.Sprint(i))
		r.worker("maker of "+c.Path, func() error {
			switch err := c.Create(); {
			case errors.Is(err, unix.EAGAIN):
				refused.Add(1)
				return nil
			case err != nil:
				return err
			}
			made.Add(1)
			return c.Remove()
		})
	}
	r.worker("counter", func() error {
		if n := hierarchyStatus(t, "name=max").Containers; n > limit+2 {
			return fmt.Errorf("%d containers", n)
		}
		return nil
	})
	r.wait()
	t.Logf("%d made, %d refused", made.Load(), refused.Load())
	mkdir(t, top.Child("x"), "1", "2", "3")
	wantError(t, top.Child("x/4").Create(), unix.EAGAIN, "one more")
}
