package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// The exit statuses that a shell gives for a command that could not be started.
const (
	statusNotExecutable = 126
	statusNotFound      = 127
)

func execCommand() *cobra.Command {
	var into []string
	cmd := &cobra.Command{
		Use:   "exec -c CONTAINER... [--] COMMAND [ARG...]",
		Short: "Run a command in a container",
		Long: `Run a command in a container, or in several of different hierarchies.

gpc goes into the container and becomes the command: it has gpc's process id, its end is gpc's end, with the same status or by the same
signal, and it has never been outside. If the command cannot be executed the status is 127 where it does not exist and 126 otherwise; if
a container does not let it in, 1, and the command is not run.`,
		Example: `  gpc exec -c /dev/container/jobs -- make -j4
  gpc exec -c cpuset:/half -c cpuacct:/jobs sh -c 'echo $$'`,
		Args: atLeast(1, "a command"),
		RunE: func(_ *cobra.Command, argv []string) error { return execIn(into, argv) },
	}
	cmd.Flags().StringArrayVarP(&into, "container", "c", nil, "run it in `CONTAINER` (once for each hierarchy)")
	_ = cmd.RegisterFlagCompletionFunc("container", completeContainers)
	cmd.Flags().SetInterspersed(false) // what follows the command is the command's
	return cmd
}

// execIn moves into containers and becomes the command. It returns only if that fails.
//
// Only the calling thread goes in, as it alone survives exec(2): that counts one task, and no thread that the runtime makes meanwhile is
// refused by the container's limits.
func execIn(into, argv []string) error {
	if len(into) == 0 {
		return usagef("gpc exec needs -c CONTAINER; 'gpc exec --help' tells more")
	}
	containers, err := differentHierarchies(into)
	if err != nil {
		return err
	}
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return notStarted(argv[0], err)
	}
	runtime.LockOSThread()
	for _, c := range containers {
		if err := c.Attach(0); err != nil {
			return err
		}
	}
	return notStarted(argv[0], unix.Exec(program, argv, os.Environ()))
}

// differentHierarchies returns the containers that args name, which must not be in the same hierarchy.
func differentHierarchies(args []string) ([]containerfs.Container, error) {
	all, err := places(args)
	if err != nil {
		return nil, err
	}
	containers := make([]containerfs.Container, 0, len(all))
	seen := map[string]identity{}
	for _, p := range all {
		if other, ok := seen[p.id.Hierarchy]; ok {
			return nil, usagef("%s and %s are in the same hierarchy: a task is in one container of each", other.Dir, p.id.Dir)
		}
		seen[p.id.Hierarchy] = p.id
		containers = append(containers, p.Container)
	}
	return containers, nil
}

// notStarted is the error of a command that could not be executed.
func notStarted(name string, err error) error {
	status := statusNotExecutable
	if lookup := (*exec.Error)(nil); errors.As(err, &lookup) {
		err = lookup.Err
	}
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		status = statusNotFound
	}
	return exitError{status, fmt.Errorf("cannot run %s: %w", name, cause(err))}
}

func attachCommand() *cobra.Command {
	var threads bool
	cmd := &cobra.Command{
		Use:   "attach [-t] CONTAINER PID...",
		Short: "Move processes into a container",
		Long: `Move processes into a container: all threads of a process, as one step or not at all. What they have forked already stays
where it is. Where one cannot be moved the others are moved all the same, and the exit status is 1.`,
		Example: `  gpc attach /dev/container/jobs 412 413
  gpc attach -t cpuset:/half 5012`,
		Args: atLeast(2, "a container and process ids"),
		RunE: func(_ *cobra.Command, args []string) error {
			pids, err := parsePIDs(args[1:])
			if err != nil {
				return err
			}
			c, err := container(args[0])
			if err != nil {
				return err
			}
			if threads {
				return each(pids, c.Attach)
			}
			return each(pids, c.AttachProc)
		},
		ValidArgsFunction: completeContainers,
	}
	cmd.Flags().BoolVarP(&threads, "thread", "t", false, "the ids are those of single threads")
	return cmd
}

// parsePIDs returns the ids of processes or threads.
func parsePIDs(args []string) ([]int, error) {
	var pids []int
	for _, arg := range args {
		pid, err := strconv.ParseInt(arg, 10, 32)
		if err != nil || pid <= 0 {
			return nil, usagef("%q is not a process id: give a number greater than 0", arg)
		}
		pids = append(pids, int(pid))
	}
	return pids, nil
}

func killCommand() *cobra.Command {
	var signal string
	var wait bool
	cmd := &cobra.Command{
		Use:   "kill [-s SIGNAL] [--wait] CONTAINER...",
		Short: "Kill every task in containers and below them",
		Long: `Kill every task in containers and in all below them, those that are being forked included. The root of a hierarchy
cannot be killed.

With another signal than KILL each process is sent that signal once; what is forked meanwhile can be missed.`,
		Example: `  gpc kill --wait /dev/container/jobs
  gpc kill -s TERM :/jobs`,
		Args: atLeast(1, "a container"),
		RunE: func(cmd *cobra.Command, args []string) error {
			number, err := parseSignal(signal)
			if err != nil {
				return err
			}
			return each(args, func(arg string) error {
				c, err := container(arg)
				if err != nil {
					return err
				}
				if err := signalAll(c, number); err != nil || !wait {
					return err
				}
				err = c.WaitEmpty(cmd.Context())
				if errors.Is(err, fs.ErrNotExist) {
					return nil // it has deleted itself
				}
				return err
			})
		},
		ValidArgsFunction: completeContainers,
	}
	cmd.Flags().StringVarP(&signal, "signal", "s", "KILL", "send `SIGNAL`, a name or a number")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until the containers are empty")
	return cmd
}

// parseSignal returns the number of a signal.
func parseSignal(name string) (unix.Signal, error) {
	if n, err := strconv.Atoi(name); err == nil && n > 0 && n <= 64 {
		return unix.Signal(n), nil
	}
	full := "SIG" + strings.TrimPrefix(strings.ToUpper(name), "SIG")
	if s := unix.SignalNum(full); s != 0 {
		return s, nil
	}
	return 0, usagef("there is no signal %q", name)
}

// signalAll sends a signal to all tasks in a container and below it.
func signalAll(c containerfs.Container, signal unix.Signal) error {
	if c.IsRoot() {
		return fmt.Errorf("%s is the root of its hierarchy, with every process of the machine: no signal is sent", c.Dir())
	}
	if signal == unix.SIGKILL {
		return c.Kill()
	}
	var failed failures
	err := c.Walk(func(c containerfs.Container) error {
		err := c.Signal(signal)
		if several, ok := err.(interface{ Unwrap() []error }); ok && !errors.As(err, new(*containerfs.Error)) {
			failed = append(failed, several.Unwrap()...)
			return nil
		}
		return err
	})
	if err != nil || failed == nil {
		return err
	}
	return failed
}
