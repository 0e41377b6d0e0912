package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"gpc/userspace/containerfs"
)

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the active hierarchies and where they are mounted",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return list(cmd.OutOrStdout()) },
	}
}

func list(out io.Writer) error {
	status, err := containerfs.ReadStatus()
	if err != nil {
		return err
	}
	points, err := containerfs.MountPoints()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tNAME\tSUBSYSTEMS\tCONTAINERS\tTASKS\tMOUNTED AT")
	for _, h := range status.Hierarchies {
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\t%d\t%s\n", h.ID, orDash(h.Name), orDash(strings.Join(h.Subsystems, ",")), h.Containers, h.Tasks,
			orDash(strings.Join(mountedAt(h, points), " ")))
	}
	return w.Flush()
}

// mountedAt returns the directories where a hierarchy is mounted.
func mountedAt(h containerfs.HierarchyStatus, points []containerfs.MountPoint) []string {
	var dirs []string
	for _, p := range points {
		if p.Options.Name == h.Name && strings.Join(p.Options.Subsystems, ",") == strings.Join(h.Subsystems, ",") {
			dirs = append(dirs, p.Dir)
		}
	}
	return dirs
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func treeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "tree CONTAINER",
		Short: "List a container and all below it, with the number of their tasks",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			top, err := containerfs.ByDir(args[0])
			if err != nil {
				return err
			}
			return top.Walk(func(c containerfs.Container) error { return branch(cmd.OutOrStdout(), top, c) })
		},
	}
}

// branch prints one container of the tree below top, indented by its depth.
func branch(out io.Writer, top, c containerfs.Container) error {
	tasks, err := c.Tasks()
	if err != nil {
		return err
	}
	name, depth := c.Name(), 0
	if c.Path == top.Path {
		name = c.Path
	} else {
		depth = strings.Count(strings.TrimPrefix(c.Path, strings.TrimSuffix(top.Path, "/")), "/")
	}
	_, err = fmt.Fprintf(out, "%s%s (%d)\n", strings.Repeat("  ", depth), name, len(tasks))
	return err
}

func showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show CONTAINER",
		Short: "Print every readable file of a container",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := containerfs.ByDir(args[0])
			if err != nil {
				return err
			}
			return show(cmd.OutOrStdout(), c)
		},
	}
}

func show(out io.Writer, c containerfs.Container) error {
	entries, err := os.ReadDir(c.Dir())
	if err != nil {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		if e.IsDir() || info.Mode()&0o444 == 0 {
			continue
		}
		text, err := c.ReadString(e.Name())
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s: %s\n", e.Name(), strings.ReplaceAll(text, "\n", " "))
	}
	return nil
}

func psCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ps CONTAINER",
		Short: "List the processes with a thread in a container",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := containerfs.ByDir(args[0])
			if err != nil {
				return err
			}
			return ps(cmd.OutOrStdout(), c)
		},
	}
}

func ps(out io.Writer, c containerfs.Container) error {
	procs, err := c.Procs()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PID\tCOMMAND")
	for _, pid := range procs {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err != nil {
			continue // it has ended since
		}
		fmt.Fprintf(w, "%d\t%s", pid, comm)
	}
	return w.Flush()
}

func whereCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "where [PID]",
		Short: "Tell the containers of a process, by default of gpc itself",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			pid := os.Getpid()
			if len(args) == 1 {
				var err error
				if pid, err = parsePID(args[0]); err != nil {
					return err
				}
			}
			return where(cmd.OutOrStdout(), pid)
		},
	}
}

func where(out io.Writer, pid int) error {
	memberships, err := containerfs.MembershipOf(pid)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "HIERARCHY\tCONTAINER")
	for _, m := range memberships {
		hierarchy, path := strings.Join(m.Subsystems, ","), m.Path
		if hierarchy == "" {
			hierarchy = "name=" + m.Name
		}
		if m.Deleted {
			path += " (deleted)"
		}
		fmt.Fprintf(w, "%s\t%s\n", hierarchy, path)
	}
	return w.Flush()
}

// parsePID returns the number of a process or thread.
func parsePID(s string) (int, error) {
	pid, err := strconv.Atoi(s)
	if err != nil || pid <= 0 {
		return 0, fmt.Errorf("%q is not a process id: give a number greater than 0", s)
	}
	return pid, nil
}
