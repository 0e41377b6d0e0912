package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"gpc/userspace/containerfs"
)

// reading says what 'gpc get' shows, and how.
type reading struct {
	names, subsystems []string
	valuesOnly, bare  bool
	recursive         bool
}

func getCommand() *cobra.Command {
	var how reading
	cmd := &cobra.Command{
		Use:     "get [-r NAME]... [-g SUBSYSTEM]... [-n] [-v] [-R] CONTAINER...",
		Aliases: []string{"show"},
		Short:   "Print what the files of containers say",
		Long: `Print what the files of containers say: those that are named, those of the given subsystems, or all but the lists of tasks.
Of a value with several lines those after the first are indented.`,
		Example: `  gpc get /dev/container/jobs
  gpc get -r cpuacct.usage -n cpuacct:/jobs
  gpc get -nv -r numtasks.shares :/jobs
  gpc get -g cpuset -R cpuset:/`,
		Args:              atLeast(1, "a container"),
		ValidArgsFunction: completeContainers,
	}
	f := cmd.Flags()
	f.StringArrayVarP(&how.names, "name", "r", nil, "print the file `NAME` (may be repeated)")
	f.StringArrayVarP(&how.subsystems, "subsystem", "g", nil, "print all files of `SUBSYSTEM` (may be repeated)")
	f.BoolVarP(&how.bare, "no-headers", "n", false, "do not print the containers' names")
	f.BoolVarP(&how.valuesOnly, "values", "v", false, "print values without the files' names")
	f.BoolVarP(&how.recursive, "recursive", "R", false, "print those of containers below, too")
	_ = cmd.RegisterFlagCompletionFunc("name", completeNames)
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		found, err := how.read(args)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(cmd.OutOrStdout(), map[string]any{"containers": found})
		}
		how.print(cmd.OutOrStdout(), found)
		return nil
	}
	return cmd
}

// values are what files of a container say, for JSON.
type values struct {
	identity
	Values []containerfs.Setting `json:"values"`
}

// read reads all that is to be shown, before anything is.
func (how reading) read(args []string) ([]values, error) {
	all, err := allPlaces(args, how.recursive)
	if err != nil {
		return nil, err
	}
	found := []values{}
	for _, p := range all {
		v := values{p.id, []containerfs.Setting{}}
		names, err := how.files(p)
		for i := 0; i < len(names) && err == nil; i++ {
			var text string
			text, err = p.ReadString(names[i])
			switch {
			case err == nil:
				v.Values = append(v.Values, containerfs.Setting{Name: names[i], Value: text})
			case errors.Is(err, os.ErrPermission) && !slices.Contains(how.names, names[i]):
				err = nil // nobody has asked for this one
			}
		}
		switch {
		case err == nil:
			found = append(found, v)
		case !how.recursive || p.Exists():
			return nil, err
		}
	}
	return found, nil
}

// files returns the names of the files of one container that are to be shown.
func (how reading) files(p place) ([]string, error) {
	if len(how.names) > 0 && len(how.subsystems) == 0 {
		return how.names, nil
	}
	readable, err := p.Readable()
	if err != nil {
		return nil, err
	}
	names := slices.Clone(how.names)
	for _, subsystem := range how.subsystems {
		if !slices.Contains(p.subsystems, subsystem) {
			return nil, fmt.Errorf("subsystem %s is not bound to the hierarchy of %s", subsystem, p.Dir())
		}
	}
	for _, name := range readable {
		subsystem, _, _ := strings.Cut(name, ".")
		if len(how.subsystems) > 0 && slices.Contains(how.subsystems, subsystem) ||
			len(how.subsystems) == 0 && name != "tasks" && name != "procs" {
			names = append(names, name)
		}
	}
	return names, nil
}

// print prints values as people want to read them.
func (how reading) print(out io.Writer, found []values) {
	for i, v := range found {
		if !how.bare {
			if i > 0 {
				fmt.Fprintln(out)
			}
			fmt.Fprintf(out, "%s:\n", visible(v.identity.String()))
		}
		for _, value := range v.Values {
			lines := strings.Split(value.Value, "\n")
			for i := range lines {
				lines[i] = visible(strings.ReplaceAll(lines[i], "\t", " "))
			}
			if how.valuesOnly {
				fmt.Fprintln(out, strings.Join(lines, "\n"))
			} else {
				fmt.Fprintf(out, "%s: %s\n", value.Name, strings.Join(lines, "\n\t"))
			}
		}
	}
}

func setCommand() *cobra.Command {
	var settings []string
	var from string
	var recursive bool
	cmd := &cobra.Command{
		Use:   "set [-r NAME=VALUE]... [--copy-from CONTAINER] [-R] CONTAINER...",
		Short: "Change settings of containers",
		Long: `Write values to files of containers, in the given order; the first that is not taken ends it. With --copy-from all settings
of another container are written first.`,
		Example: `  gpc set -r cpuset.cpus=0-1 -r cpuset.mems=0 cpuset:/half
  gpc set -r numtasks.shares=min_shares=10,max_shares=50 :/jobs
  gpc set -r bc.numfiles.barrier=100:200 /dev/container/jobs
  gpc set --copy-from :/jobs :/more`,
		Args: atLeast(1, "a container"),
		RunE: func(_ *cobra.Command, args []string) error {
			parsed, err := parseSettings(settings)
			if err != nil {
				return err
			}
			if len(parsed) == 0 && from == "" {
				return usagef("nothing is to be set: give -r NAME=VALUE or --copy-from CONTAINER")
			}
			return change(args, recursive, from, parsed)
		},
		ValidArgsFunction: completeContainers,
	}
	cmd.Flags().StringArrayVarP(&settings, "set", "r", nil, "write a value to a file, as `NAME=VALUE` (may be repeated)")
	cmd.Flags().StringVar(&from, "copy-from", "", "set everything as it is in `CONTAINER`")
	cmd.Flags().BoolVarP(&recursive, "recursive", "R", false, "change those below, too, parents first")
	_ = cmd.RegisterFlagCompletionFunc("set", completeNames)
	_ = cmd.RegisterFlagCompletionFunc("copy-from", completeContainers)
	return cmd
}

// change sets containers as another is, if one is named, and then as settings say.
func change(args []string, recursive bool, from string, settings []containerfs.Setting) error {
	all, err := allPlaces(args, recursive)
	if err != nil {
		return err
	}
	var source containerfs.Container
	if from != "" {
		if source, err = container(from); err != nil {
			return err
		}
	}
	return each(all, func(p place) error {
		if from != "" {
			if err := p.CopySettings(source); err != nil {
				return err
			}
		}
		return apply(p.Container, settings)
	})
}

// parseSettings parses NAME=VALUE words. The value may have equals signs in it.
func parseSettings(words []string) ([]containerfs.Setting, error) {
	var all []containerfs.Setting
	for _, word := range words {
		name, value, ok := strings.Cut(word, "=")
		if !ok || name == "" {
			return nil, usagef("%q is not NAME=VALUE", word)
		}
		all = append(all, containerfs.Setting{Name: name, Value: value})
	}
	return all, nil
}

// apply writes settings to a container, up to the first that is not taken.
func apply(c containerfs.Container, settings []containerfs.Setting) error {
	for _, s := range settings {
		if err := c.Write(s.Name, s.Value+"\n"); err != nil {
			return err
		}
	}
	return nil
}

// completeNames offers the files of the containers named so far, or of some root, to the shell.
func completeNames(_ *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	all, err := places(args)
	if err != nil || len(all) == 0 {
		return nil, directive
	}
	var names []cobra.Completion
	for _, p := range all {
		files, err := p.Files()
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, directive
		}
		names = append(names, files...)
	}
	return startingWith(names, begun), directive
}
