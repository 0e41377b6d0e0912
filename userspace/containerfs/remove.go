package containerfs

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// RemoveAll removes the container and all below it. It does not begin where a task is in any of them: the error is ErrBusy then,
// for the first such container. With a root all below it is removed.
func (c Container) RemoveAll() error {
	var all []Container
	err := c.Walk(func(c Container) error {
		all = append(all, c)
		if c.IsRoot() {
			return nil
		}
		tasks, err := c.Tasks()
		if err == nil && len(tasks) > 0 {
			err = fail("remove", c.Dir(), unix.EBUSY).because(busyWith(tasks))
		}
		return err
	})
	if err != nil {
		return err
	}
	return RemoveEach(all)
}

// KillAndRemoveAll kills every task in the container and below it, waits for their end, and removes the container and all below it.
// With a root that is done with each container below it.
func (c Container) KillAndRemoveAll(ctx context.Context) error {
	if c.IsRoot() {
		children, err := c.Children()
		for _, child := range children {
			if err := child.KillAndRemoveAll(ctx); err != nil && !vanished(err) {
				return err
			}
		}
		return err
	}
	if err := c.Kill(); err != nil {
		return err
	}
	err := c.WaitEmpty(ctx)
	if err == nil {
		err = c.RemoveAll()
	}
	// What deletes itself when its last task ends is gone then, which is what was wanted.
	if vanished(err) && !c.Exists() {
		return nil
	}
	return err
}

// RemoveEach removes containers that are listed parents first, as Walk and CreateAll list them. A root is left out; so is what has gone
// already, but for the first of them.
func RemoveEach(all []Container) error {
	for i, c := range slices.Backward(all) {
		if c.IsRoot() {
			continue
		}
		if err := c.Remove(); err != nil && !(i > 0 && errors.Is(err, unix.ENOENT)) {
			return err
		}
	}
	return nil
}
