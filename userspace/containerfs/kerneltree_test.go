//go:build guest

package containerfs

import (
	"context"
	"strconv"
	"testing"
)

// newTree mounts a hierarchy, and makes containers with these settings in it.
func newTree(t *testing.T, o Options, entries []entry) Hierarchy {
	t.Helper()
	h, err := Mount("containerfs", t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Root().KillAndRemoveAll(context.Background()); err != nil {
			t.Error(err)
		}
		if err := h.Unmount(); err != nil {
			t.Error(err)
		}
	})
	for _, e := range entries {
		c := h.Container(e.path)
		if err := c.Create(); err != nil {
			t.Fatal(err)
		}
		for _, v := range e.values {
			if err := c.Write(v.Name, v.Value+"\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	return h
}

// put puts a task into a container.
func put(t *testing.T, c Container, pid int) {
	t.Helper()
	if err := c.Attach(pid); err != nil {
		t.Fatal(err)
	}
}

// refuse writes what the kernel will not take.
func refuse(c Container, r refusal) error {
	if r.file == fileTasks {
		pid, err := strconv.Atoi(r.text)
		if err != nil {
			return err
		}
		return c.Attach(pid)
	}
	return c.Write(r.file, r.text+"\n")
}

// refuseCreate makes a container that the kernel will not have.
func refuseCreate(c Container) error { return c.Create() }
