package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gpc/userspace/containerfs"
)

func listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ls [CONTAINER...]",
		Aliases: []string{"list"},
		Short:   "List containers and all below them",
		Long: `List containers and all below them, a line each, as HIERARCHY:PATH; gpc takes such a line as the name of a container.
Without CONTAINER all hierarchies are listed.`,
		Example: `  gpc ls
  gpc ls /dev/container/jobs`,
		ValidArgsFunction: completeContainers,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		all, err := allPlaces(args, true)
		if err != nil {
			return err
		}
		if *asJSON {
			ids := []identity{}
			for _, p := range all {
				ids = append(ids, p.id)
			}
			return printJSON(cmd.OutOrStdout(), map[string]any{"containers": ids})
		}
		for _, p := range all {
			fmt.Fprintln(cmd.OutOrStdout(), visible(p.id.String()))
		}
		return nil
	}
	return cmd
}

func psCommand() *cobra.Command {
	var threads, recursive bool
	cmd := &cobra.Command{
		Use:   "ps [-t] [-R] CONTAINER...",
		Short: "List the processes in containers",
		Long: `List the processes with a thread in containers. TIME is the CPU time of the whole process, wherever it was.
With -t threads are listed, and TIME is the thread's.`,
		Example: `  gpc ps /dev/container/jobs
  gpc ps -R --json :/`,
		Args:              atLeast(1, "a container"),
		ValidArgsFunction: completeContainers,
	}
	cmd.Flags().BoolVarP(&threads, "threads", "t", false, "list threads")
	cmd.Flags().BoolVarP(&recursive, "recursive", "R", false, "list those in containers below, too")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		all, err := allPlaces(args, recursive)
		if err != nil {
			return err
		}
		return ps(cmd.OutOrStdout(), all, threads, *asJSON)
	}
	return cmd
}

// containerTasks are the tasks of a container, for JSON.
type containerTasks struct {
	identity
	Tasks []containerfs.Task `json:"tasks"`
}

func ps(out io.Writer, all []place, threads, asJSON bool) error {
	var found []containerTasks
	for i, p := range all {
		read := p.Processes
		if threads {
			read = p.Threads
		}
		tasks, err := read()
		if err != nil {
			if i > 0 && !p.Exists() {
				continue
			}
			return err
		}
		found = append(found, containerTasks{p.id, list(tasks)})
	}
	if asJSON {
		return printJSON(out, map[string]any{"containers": found})
	}
	t := table{columns: columns(">PID", "STATE", ">THREADS", ">TIME", "COMMAND", "CONTAINER")}
	for _, c := range found {
		for _, task := range c.Tasks {
			t.add(fmt.Sprint(task.TID), task.State, fmt.Sprint(task.Threads), duration(task.User+task.System), task.Comm, c.Path)
		}
	}
	return t.print(out)
}

func whereCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "where [PID...]",
		Short: "Tell the containers of processes, by default of gpc itself",
		Example: `  gpc where
  gpc where 412 --json`,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		pids, err := parsePIDs(args)
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			pids = []int{os.Getpid()}
		}
		return where(cmd.OutOrStdout(), pids, *asJSON)
	}
	return cmd
}

// taskContainers are the containers of a task, for JSON.
type taskContainers struct {
	PID        int                      `json:"pid"`
	Containers []containerfs.Membership `json:"containers"`
}

func where(out io.Writer, pids []int, asJSON bool) error {
	all := []taskContainers{}
	err := each(pids, func(pid int) error {
		memberships, err := containerfs.MembershipOf(pid)
		if err != nil {
			return err
		}
		for i := range memberships {
			memberships[i].Subsystems = list(memberships[i].Subsystems)
		}
		all = append(all, taskContainers{pid, list(memberships)})
		return nil
	})
	if asJSON {
		return orElse(err, printJSON(out, map[string]any{"tasks": all}))
	}
	t := table{columns: columns(">PID", "HIERARCHY", "CONTAINER")}
	for _, task := range all {
		for _, m := range task.Containers {
			path := m.Path
			if m.Deleted {
				path += " (deleted)"
			}
			t.add(fmt.Sprint(task.PID), m.Hierarchy(), path)
		}
	}
	if len(t.rows) > 0 || err == nil {
		return orElse(err, t.print(out))
	}
	return err
}

// orElse is the first of two errors.
func orElse(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

func treeCommand() *cobra.Command {
	var tasks, kernel bool
	cmd := &cobra.Command{
		Use:   "tree [-t] [-k] [CONTAINER...]",
		Short: "Show containers as a tree, with tasks and figures",
		Long: `Show containers as a tree, with the number of their tasks and what the hierarchy's subsystems count: CPU time, open files and
pages of private writable mappings, each with what is below. Without CONTAINER all hierarchies are shown.`,
		Example: `  gpc tree
  gpc tree -t /dev/container/jobs`,
		ValidArgsFunction: completeContainers,
	}
	cmd.Flags().BoolVarP(&tasks, "tasks", "t", false, "list the processes, too")
	cmd.Flags().BoolVarP(&kernel, "kernel", "k", false, "list the kernel's own threads among the processes")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		tops, err := places(args)
		if err != nil {
			return err
		}
		var trees []branch
		for _, top := range tops {
			b, err := grow(top, tasks || kernel, kernel)
			if err != nil {
				return err
			}
			trees = append(trees, b)
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), map[string]any{"trees": trees})
		}
		for _, b := range trees {
			b.draw(cmd.OutOrStdout(), b.identity.String(), "", lineArt())
		}
		return nil
	}
	return cmd
}

// branch is a container with all below it.
type branch struct {
	identity
	containerfs.Figures
	Processes []containerfs.Task `json:"processes,omitempty"`
	Children  []branch           `json:"children"`
}

// grow reads a tree. What vanishes below its top is left out.
func grow(p place, tasks, kernel bool) (branch, error) {
	b := branch{identity: p.id, Children: []branch{}}
	var err error
	if b.Figures, err = p.Figures(p.subsystems); err != nil {
		return b, err
	}
	if tasks {
		if b.Processes, err = p.Processes(); err != nil {
			return b, err
		}
		if !kernel {
			b.Processes = slices.DeleteFunc(b.Processes, func(t containerfs.Task) bool { return t.Kernel })
		}
	}
	children, err := p.Children()
	if err != nil {
		return b, err
	}
	for _, child := range children {
		grown, err := grow(p.at(child), tasks, kernel)
		if err == nil {
			b.Children = append(b.Children, grown)
		} else if child.Exists() {
			return b, err
		}
	}
	return b, nil
}

// art is what trees are drawn with.
type art struct{ branch, last, line, blank string }

// lineArt is what the terminal can show: lines where the language setting speaks of UTF-8.
func lineArt() art {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := os.Getenv(name); value != "" {
			if strings.Contains(strings.ToUpper(strings.ReplaceAll(value, "-", "")), "UTF8") {
				return art{"├─ ", "└─ ", "│  ", "   "}
			}
			break
		}
	}
	return art{"|- ", "`- ", "|  ", "   "}
}

// draw prints a branch and what is below, with each line below behind indent.
func (b branch) draw(out io.Writer, name, indent string, a art) {
	fmt.Fprintf(out, "%s  %s\n", visible(name), b.summary())
	total := len(b.Processes) + len(b.Children)
	drawn := 0
	next := func() (string, string) {
		drawn++
		if drawn == total {
			return indent + a.last, indent + a.blank
		}
		return indent + a.branch, indent + a.line
	}
	for _, task := range b.Processes {
		lead, _ := next()
		fmt.Fprintf(out, "%s%d %s\n", lead, task.TID, visible(task.Comm))
	}
	for _, child := range b.Children {
		lead, below := next()
		io.WriteString(out, lead)
		child.draw(out, child.Path[strings.LastIndexByte(child.Path, '/')+1:], below, a)
	}
}

// summary is a container's figures on a line.
func (b branch) summary() string {
	parts := []string{plural(uint64(b.Tasks), "task")}
	if b.CPU != nil {
		parts = append(parts, duration(*b.CPU)+" CPU")
	}
	if b.Files != nil {
		parts = append(parts, plural(*b.Files, "file"))
	}
	if b.Private != nil {
		parts = append(parts, plural(*b.Private, "page"))
	}
	if b.Failures != nil && *b.Failures > 0 {
		parts = append(parts, fmt.Sprint(*b.Failures)+" refused")
	}
	return strings.Join(parts, ", ")
}

// plural is a number of things.
func plural(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
