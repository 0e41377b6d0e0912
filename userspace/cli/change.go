package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"gpc/userspace/containerfs"
)

// cause returns what is wrong without what it was wrong with, which our sentence says.
func cause(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// creation is how containers are to be made.
type creation struct {
	parents            bool
	notify, autoDelete bool
	settings           []string
}

func createCommand() *cobra.Command {
	var how creation
	cmd := &cobra.Command{
		Use:     "create [-p] [-r NAME=VALUE]... CONTAINER...",
		Aliases: []string{"mkdir"},
		Short:   "Make containers",
		Long:    `Make containers. A container whose settings are not taken is not made at all.`,
		Example: `  gpc create /dev/container/jobs
  gpc create -p cpuacct:/jobs/night
  gpc create -r cpuset.cpus=0-1 -r cpuset.mems=0 cpuset:/half
  gpc create --auto-delete :/once`,
		Args: atLeast(1, "a container"),
		RunE: func(_ *cobra.Command, args []string) error {
			settings, err := parseSettings(how.settings)
			if err != nil {
				return err
			}
			return each(args, func(arg string) error { return how.create(arg, settings) })
		},
		ValidArgsFunction: completeContainers,
	}
	cmd.Flags().BoolVarP(&how.parents, "parents", "p", false, "make those above that are not there, and accept one that is")
	cmd.Flags().BoolVar(&how.notify, "notify", false, "have the release agent run when the container is released")
	cmd.Flags().BoolVar(&how.autoDelete, "auto-delete", false, "have the kernel remove the container when its last task or child has gone")
	cmd.Flags().StringArrayVarP(&how.settings, "set", "r", nil, "set a value from the beginning (may be repeated)")
	return cmd
}

// create makes one container.
func (how creation) create(arg string, settings []containerfs.Setting) error {
	c, err := container(arg)
	if err != nil {
		return err
	}
	made := []containerfs.Container{c}
	if how.parents {
		made, err = c.CreateAll()
		if errors.Is(err, os.ErrExist) {
			err = nil
		}
	} else {
		err = c.Create()
	}
	if err == nil {
		if err = how.prepare(c, settings); err != nil {
			_ = containerfs.RemoveEach(made) // unless somebody uses it meanwhile
		}
	}
	return err
}

// prepare sets what a new container is to begin with.
func (how creation) prepare(c containerfs.Container, settings []containerfs.Setting) error {
	if how.notify {
		if err := c.SetNotifyOnRelease(true); err != nil {
			return err
		}
	}
	if how.autoDelete {
		if err := c.SetAutoDelete(true); err != nil {
			return err
		}
	}
	return apply(c, settings)
}

func removeCommand() *cobra.Command {
	var recursive, kill bool
	cmd := &cobra.Command{
		Use:     "rm [-r] [--kill] CONTAINER...",
		Aliases: []string{"rmdir", "remove"},
		Short:   "Remove containers",
		Long: `Remove containers, which must have neither tasks nor containers below them.

With -r those below are removed as well, unless there is a task in one of them: then nothing is. With --kill all tasks are killed
first, and their end is waited for. The root of a hierarchy cannot be removed; 'rm -r' removes all below it.`,
		Example: `  gpc rm /dev/container/jobs
  gpc rm -r cpuset:/half
  gpc rm -r --kill :/jobs`,
		Args: atLeast(1, "a container"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return each(args, func(arg string) error {
				c, err := container(arg)
				if err != nil {
					return err
				}
				return remove(cmd.Context(), c, recursive, kill)
			})
		},
		ValidArgsFunction: completeContainers,
	}
	cmd.Flags().BoolVarP(&recursive, "recursive", "r", false, "remove all containers below, too")
	cmd.Flags().BoolVar(&kill, "kill", false, "kill all tasks in what is removed")
	return cmd
}

func remove(ctx context.Context, c containerfs.Container, recursive, kill bool) error {
	if kill && !recursive {
		children, err := c.Children()
		if err != nil {
			return err
		}
		if len(children) > 0 {
			return fmt.Errorf("%s has containers below it, first %s: -r removes them, too", c.Dir(), children[0].Name())
		}
	}
	switch {
	case kill:
		return c.KillAndRemoveAll(ctx)
	case recursive:
		return c.RemoveAll()
	default:
		return c.Remove()
	}
}

func moveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "mv CONTAINER NAME",
		Aliases: []string{"rename"},
		Short:   "Give a container another name",
		Long:    `Give a container another name in the same place. It cannot be moved to another place.`,
		Example: `  gpc mv /dev/container/jobs work
  gpc mv cpuset:/a/b cpuset:/a/c`,
		Args: exactly(2, "a container and its new name"),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := container(args[0])
			if err != nil {
				return err
			}
			name := args[1]
			if strings.ContainsAny(name, "/:") {
				to, err := container(name)
				if err != nil {
					return err
				}
				if to.Parent() != c.Parent() {
					return fmt.Errorf("%s cannot become %s: a container can only be renamed in its place", c.Dir(), to.Dir())
				}
				name = filepath.Base(to.Path)
			}
			_, err = c.Rename(name)
			return err
		},
		ValidArgsFunction: completeContainers,
	}
}
