package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gpc/userspace/containerfs"
)

func mountCommand() *cobra.Command {
	var options, source string
	var parents bool
	cmd := &cobra.Command{
		Use:   "mount [-o OPTIONS] [-p] [DIR]",
		Short: "Mount a hierarchy of containers, or list those that are active",
		Long: `Mount a hierarchy of containers at DIR; without DIR, list the active hierarchies.

OPTIONS are those of mount(8), with commas between:
  SUBSYSTEM...         bind these subsystems; without any, or with "all", every subsystem
  none,name=NAME       bind none: a hierarchy to keep track of tasks only
  name=NAME            give the hierarchy a name
  release_agent=PATH   the program that is run when a container is released
  noprefix             leave SUBSYSTEM. out of the names of files
  clone_children=0     containers begin with the subsystems' defaults, not with their parent's settings

A hierarchy that is active already, with these very subsystems or of that name, is mounted once more.`,
		Example: `  gpc mount -p /dev/container
  gpc mount -o cpuacct,numtasks -p /dev/acct
  gpc mount -o none,name=jobs,release_agent=/sbin/container_release_agent -p /dev/jobs
  gpc mount`,
		Args: cobra.MaximumNArgs(1),
	}
	cmd.Flags().StringVarP(&options, "options", "o", "", "what the hierarchy is made of (default all)")
	cmd.Flags().StringVar(&source, "source", "gpc", "the name that /proc/mounts shows in its first column")
	cmd.Flags().BoolVarP(&parents, "parents", "p", false, "make DIR and those above if they are not there")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return showHierarchies(cmd, *asJSON)
		}
		undo := func() {}
		if parents {
			var err error
			if undo, err = makeDir(args[0]); err != nil {
				return fmt.Errorf("cannot make %s: %w", args[0], cause(err))
			}
		}
		o := containerfs.ParseOptions(options)
		h, err := containerfs.Mount(source, args[0], o)
		if err != nil {
			undo()
			return err
		}
		noteAgent(cmd.ErrOrStderr(), h, o)
		return nil
	}
	return cmd
}

// noteAgent says so where a hierarchy that was active already has another release agent than was asked for: to mount it once more does not
// change that.
func noteAgent(stderr io.Writer, h containerfs.Hierarchy, asked containerfs.Options) {
	agent, err := h.ReleaseAgent()
	if err == nil && asked.ReleaseAgent != "" && agent != asked.ReleaseAgent {
		fmt.Fprintf(stderr, "gpc: note: the hierarchy was active already, and its release agent is still %s\n", visible(cmp.Or(agent, "none")))
	}
}

// makeDir makes a directory and those above it that are not there. undo removes again what was made; so does an error.
func makeDir(dir string) (undo func(), err error) {
	var missing []string // the deepest first
	for d := filepath.Clean(dir); ; d = filepath.Dir(d) {
		if _, err := os.Lstat(d); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		missing = append(missing, d)
	}
	undo = func() {
		for _, d := range missing {
			_ = os.Remove(d) // unless somebody uses it meanwhile
		}
	}
	if err = os.MkdirAll(dir, 0o755); err != nil {
		undo()
	}
	return undo, err
}

// activeHierarchy is a hierarchy, for JSON.
type activeHierarchy struct {
	containerfs.HierarchyStatus
	Mounted []string             `json:"mounted"`
	Options *containerfs.Options `json:"options"` // null where it is not mounted
}

// known returns all that the kernel says of hierarchies and subsystems.
func known() (containerfs.Status, []containerfs.MountPoint, error) {
	status, err := containerfs.ReadStatus()
	if err != nil {
		return status, nil, err
	}
	points, err := containerfs.MountPoints()
	return status, points, err
}

func showHierarchies(cmd *cobra.Command, asJSON bool) error {
	status, points, err := known()
	if err != nil {
		return err
	}
	all := []activeHierarchy{}
	for _, h := range status.Hierarchies {
		a := activeHierarchy{HierarchyStatus: h, Mounted: []string{}}
		a.Subsystems = list(a.Subsystems)
		for _, p := range points {
			if h.Name == p.Options.Name && slices.Equal(h.Subsystems, p.Options.Subsystems) {
				a.Mounted, a.Options = append(a.Mounted, p.Dir), &p.Options
				a.Options.Subsystems = list(a.Options.Subsystems)
			}
		}
		all = append(all, a)
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), map[string]any{"hierarchies": all})
	}
	t := table{columns: columns(">ID", "NAME", "SUBSYSTEMS", ">CONTAINERS", ">TASKS", "MOUNTED AT")}
	for _, h := range all {
		t.add(fmt.Sprint(h.ID), orDash(h.Name), orDash(strings.Join(h.Subsystems, ",")), fmt.Sprint(h.Containers), fmt.Sprint(h.Tasks),
			orDash(strings.Join(h.Mounted, " ")))
	}
	return t.print(cmd.OutOrStdout())
}

func umountCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "umount DIR...",
		Short: "Unmount hierarchies",
		Long: `Unmount the hierarchies that are mounted at the given directories.

A hierarchy ends with its last mount, and its subsystems can be bound by another; but as long as it has containers below its root
it stays active, and 'gpc mount' with the same options mounts it again as it was.`,
		Example: `  gpc umount /dev/container`,
		Args:    atLeast(1, "a directory"),
		RunE: func(_ *cobra.Command, args []string) error {
			return each(args, func(dir string) error {
				c, err := containerfs.ByDir(dir)
				if err != nil {
					return err
				}
				if !c.IsRoot() {
					return fmt.Errorf("%s is not where a hierarchy is mounted: that is %s", dir, c.Hierarchy.Dir)
				}
				return c.Hierarchy.Unmount()
			})
		},
		ValidArgsFunction: completeContainers,
	}
}

func subsystemsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "subsystems",
		Short: "List the kernel's subsystems, and where each is mounted",
		Example: `  gpc subsystems
  gpc subsystems --json`,
		Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return showSubsystems(cmd, *asJSON) }
	return cmd
}

// boundSubsystem is a subsystem and where it can be found, for JSON.
type boundSubsystem struct {
	containerfs.SubsystemStatus
	Mounted []string `json:"mounted"`
}

func showSubsystems(cmd *cobra.Command, asJSON bool) error {
	status, points, err := known()
	if err != nil {
		return err
	}
	all := []boundSubsystem{}
	for _, s := range status.Subsystems {
		b := boundSubsystem{s, []string{}}
		for _, p := range points {
			if slices.Contains(p.Options.Subsystems, s.Name) {
				b.Mounted = append(b.Mounted, p.Dir)
			}
		}
		all = append(all, b)
	}
	if asJSON {
		return printJSON(cmd.OutOrStdout(), map[string]any{"subsystems": all})
	}
	t := table{columns: columns("SUBSYSTEM", ">HIERARCHY", ">CONTAINERS", "MOUNTED AT")}
	for _, s := range all {
		hierarchy := ""
		if s.Hierarchy != 0 {
			hierarchy = fmt.Sprint(s.Hierarchy)
		}
		t.add(s.Name, orDash(hierarchy), fmt.Sprint(s.Containers), orDash(strings.Join(s.Mounted, " ")))
	}
	return t.print(cmd.OutOrStdout())
}
