// Container_release_agent removes a container that has been released. The kernel runs it, where it is set as a hierarchy's release
// agent, with the container's path relative to the hierarchy's root as its one argument. /sbin/cpuset_release_agent, which the
// filesystem type cpuset sets by itself, is this program under another name.
//
// The kernel does not say which hierarchy that is. The agent looks for the path in every mounted hierarchy that has this program as
// its agent, and removes it where it asks for notification; a container that is in use is left alone by rmdir(2) itself.
// What it does goes to the kernel's log, because nobody sees its output.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

const usage = `Usage: container_release_agent PATH

Remove the released container PATH, which is relative to its hierarchy's root.
Set as a hierarchy's release agent, the kernel runs it:

  echo /bin/container_release_agent > /dev/container/release_agent
  echo 1 > /dev/container/CONTAINER/notify_on_release
`

func main() {
	if len(os.Args) != 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	if os.Args[1] == "-h" || os.Args[1] == "--help" {
		fmt.Print(usage)
		return
	}
	log := openLog()
	if err := release(os.Args[0], os.Args[1], log); err != nil {
		fmt.Fprintf(log, "container_release_agent: %v\n", err)
		os.Exit(1)
	}
}

// openLog returns the kernel's log, or what there is instead.
func openLog() io.Writer {
	if kmsg, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0); err == nil {
		return kmsg
	}
	return os.Stderr
}

// release removes the container at path from the hierarchies whose release agent is the program called agent.
func release(agent, path string, log io.Writer) error {
	points, err := containerfs.MountPoints()
	if err != nil {
		return err
	}
	asked := false
	var errs []error
	for _, p := range points {
		if p.Options.ReleaseAgent != agent {
			continue
		}
		asked = true
		c, err := p.Reach(path)
		if err != nil {
			continue // another mount of the hierarchy has it
		}
		removed, err := removeReleased(c)
		if removed {
			fmt.Fprintf(log, "container_release_agent: removed %s\n", c.Dir())
		}
		errs = append(errs, err)
	}
	if !asked {
		return fmt.Errorf("cannot remove %s: no mounted hierarchy has the release agent %s", path, agent)
	}
	return errors.Join(errs...)
}

// removeReleased removes c if it asks for notification and is not in use. That it is gone already, or is in use again, is no error.
func removeReleased(c containerfs.Container) (removed bool, err error) {
	notify, err := c.NotifyOnRelease()
	if err == nil && notify && !c.IsRoot() {
		err = c.Remove()
		removed = err == nil
	}
	for _, harmless := range []error{unix.ENOENT, unix.ENODEV, unix.EBUSY} {
		if errors.Is(err, harmless) {
			return false, nil
		}
	}
	return removed, err
}
