package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

func createCommand() *cobra.Command {
	var notify bool
	cmd := &cobra.Command{
		Use:   "create CONTAINER...",
		Short: "Make containers",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, dir := range args {
				if err := create(dir, notify); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&notify, "notify", false, "have the release agent run when the container is released")
	return cmd
}

func create(dir string, notify bool) error {
	parent, err := containerfs.ByDir(filepath.Dir(dir))
	if err != nil {
		return err
	}
	c := parent.Child(filepath.Base(dir))
	if err := c.Create(); err != nil {
		return err
	}
	if notify {
		return c.SetNotifyOnRelease(true)
	}
	return nil
}

func removeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove CONTAINER...",
		Short: "Remove containers, which must have neither tasks nor children",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, dir := range args {
				c, err := containerfs.ByDir(dir)
				if err != nil {
					return err
				}
				if err := c.Remove(); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func attachCommand() *cobra.Command {
	var thread bool
	cmd := &cobra.Command{
		Use:   "attach CONTAINER PID...",
		Short: "Move processes into a container",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := containerfs.ByDir(args[0])
			if err != nil {
				return err
			}
			move := c.AttachProc
			if thread {
				move = c.Attach
			}
			for _, arg := range args[1:] {
				pid, err := parsePID(arg)
				if err != nil {
					return err
				}
				if err := move(pid); err != nil {
					return fmt.Errorf("process %d: %w", pid, err)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&thread, "thread", false, "move only the thread with that id")
	return cmd
}

func execCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "exec CONTAINER COMMAND [ARG...]",
		Short:   "Run a command in a container",
		Example: "  gpc exec /dev/container/jobs sleep 10",
		Args:    cobra.MinimumNArgs(2),
		RunE:    func(_ *cobra.Command, args []string) error { return execIn(args[0], args[1:]) },
	}
	cmd.Flags().SetInterspersed(false) // flags after CONTAINER are the command's
	return cmd
}

// execIn moves this process into the container that dir is, and becomes the command. It returns only if that fails.
func execIn(dir string, argv []string) error {
	c, err := containerfs.ByDir(dir)
	if err != nil {
		return err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	if err := c.AttachProc(0); err != nil {
		return err
	}
	if err := unix.Exec(program, argv, os.Environ()); err != nil {
		return &os.PathError{Op: "exec", Path: program, Err: err}
	}
	return nil
}
