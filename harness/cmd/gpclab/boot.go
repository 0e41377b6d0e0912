package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"gpc/harness/guest"
	"gpc/harness/initramfs"
	"gpc/harness/kernel"
	"gpc/harness/lines"
	"gpc/harness/machine"
)

// bootFlags are the flags of `gpclab boot`.
type bootFlags struct {
	kernelFlags
	reportFlags
	arch, flavor string
	smp, numa    int
	mem          string
	append       string
	files        []string
	share        []string
	disk         []string
	bare         bool
	log          string
	timeout      time.Duration
	debug        debugFlags
}

func newBootCommand() *cobra.Command {
	var flags bootFlags
	cmd := &cobra.Command{
		Use:   "boot --arch ARCH [flags] [-- CMD [ARG...]]",
		Short: "Boot a kernel and give a shell, run a script, or run one command",
		Long: `Boot a kernel in a virtual machine, building whatever is missing first.

With a terminal on standard input: a shell on the guest's console. Otherwise shell commands are read from standard
input and run in order, and the guest powers off at their end. With -- CMD: that command is run, and its standard
output, standard error and exit status are gpclab's own.

Where the kernel panicked, hung, was not done after --timeout, or complained about anything, the exit status says so
('gpclab --help' lists them), its report stands on standard error, with the lines of source behind the functions in it, and the
console's log is kept in build/log, or where --log says. How to go on from there with --dump and --gdb is told in docs/laboratory.md.

With --junit or --html, what the command or the script prints is read as the kernel's Test Anything Protocol, which kselftest and others
speak, and reported test by test; a test that failed makes the exit status 1 at least.`,
		Example: `  gpclab boot --arch x86_64
  gpclab boot --arch ppc64 -- cat /proc/self/container
  echo 'cat /proc/containers' | gpclab boot --arch ppc64 --numa 2
  gpclab boot --arch x86_64 --files ./mytools --timeout 1m -- mytool
  gpclab boot --arch x86_64 --share ~/suite --share ~/results:/results -- /mnt/suite/run
  gpclab boot --arch ppc64 --disk 1G --files ./suite --log suite.log -- /suite/run
  gpclab boot --arch x86_64 --dump ./core --timeout 1m -- mytool
  gpclab boot --arch ppc64 --gdb
  gpclab boot --arch x86_64 --kernel ~/linux/build -- uname -r
  gpclab boot --arch x86_64 --flavor vanilla --series ~/myseries --config lockdep.config`,
		Args: commandAfterDash,
		RunE: func(cmd *cobra.Command, argv []string) error {
			return boot(cmd.Context(), flags, argv)
		},
	}
	flags.add(cmd.Flags())
	flags.reportFlags.add(cmd.Flags())
	flags.debug.add(cmd.Flags())
	return cmd
}

// add adds the flags to those of a command.
func (b *bootFlags) add(f *pflag.FlagSet) {
	f.StringVar(&b.arch, "arch", machine.All()[0].Name, "the machine: "+strings.Join(machine.Names(), " or "))
	f.StringVar(&b.flavor, "flavor", string(kernel.Flavors()[0]), "the kernel: "+flavorNames())
	b.addGiven(f)
	b.kernelFlags.add(f)
	f.IntVar(&b.smp, "smp", 4, "number of processors")
	f.StringVar(&b.mem, "mem", "", "memory, such as 512M or 2G (default as the machine likes it)")
	f.IntVar(&b.numa, "numa", 1, "number of NUMA nodes that processors and memory are split over")
	f.StringVar(&b.append, "append", "", "more arguments for the kernel's command line")
	f.StringArrayVar(&b.files, "files", nil, "lay the content of `DIR` over the guest's root (may be repeated)")
	f.StringArrayVar(&b.share, "share", nil, "give the guest a directory of the host's, `DIR[:PATH][:ro]`, at /mnt/NAME without a PATH (may be repeated)")
	f.StringArrayVar(&b.disk, "disk", nil, "give the guest an empty disk of `SIZE`, such as 512M, which is deleted afterwards, and merge --config suite (may be repeated)")
	f.BoolVar(&b.bare, "bare", false, "mount no hierarchy of containers")
	f.StringVar(&b.log, "log", "", "write what the console shows to `FILE`, which is kept, and not below build/log, where only the newest stay")
	f.DurationVar(&b.timeout, "timeout", 0, "end a guest that is not done after this time, such as 90s (default: never)")
}

// flavorNames lists the flavors for a help text.
func flavorNames() string {
	var names []string
	for _, f := range kernel.Flavors() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// commandAfterDash accepts arguments only behind a "--".
func commandAfterDash(cmd *cobra.Command, args []string) error {
	if dash := cmd.ArgsLenAtDash(); len(args) > 0 && dash != 0 {
		return fmt.Errorf("unexpected %q: put -- before a command for the guest", args[0])
	}
	return nil
}

// boot does what flags say with argv as the guest's command, if there is one.
func boot(ctx context.Context, flags bootFlags, argv []string) error {
	config, flavor, err := flags.config()
	if err == nil && flags.asked() && interactive(argv) {
		err = errors.New("--junit and --html are for a command or a script, which tells of tests")
	}
	if err != nil {
		return exitError{status: statusUsage, err: err}
	}
	if err := errors.Join(config.CheckFiles(), flags.debug.check(config.Kernel.Machine)); err != nil {
		return err
	}
	reports, err := openCommandReports(flags.reportFlags, argv)
	if err != nil {
		return err
	}
	defer reports.discard()
	if err := prepare(ctx, &config, flags.debug.more(flags.spec(flavor))); err != nil {
		return err
	}
	if err := flags.debug.prepare(&config); err != nil {
		return err
	}
	if !flags.asked() {
		result, err := start(ctx, config, argv, os.Stdout)
		return cmp.Or(err, verdict(result))
	}
	result, err := start(ctx, config, argv, io.MultiWriter(os.Stdout, reports))
	if ctx.Err() != nil {
		return err
	}
	failed := reports.end(config.Kernel, result, err)
	return cmp.Or(err, verdict(result), failed)
}

// config checks the flags and turns them into a guest that lacks only what has to be built.
func (f bootFlags) config() (guest.Config, kernel.Flavor, error) {
	m, err := machine.ByName(f.arch)
	if err != nil {
		return guest.Config{}, "", err
	}
	flavor, err := kernel.ParseFlavor(f.flavor)
	if err == nil {
		err = flavor.On(m)
	}
	if err != nil {
		return guest.Config{}, "", err
	}
	if err := f.check(); err != nil {
		return guest.Config{}, "", err
	}
	if f.smp < 1 {
		return guest.Config{}, "", fmt.Errorf("--smp %d: a machine needs at least 1 processor", f.smp)
	}
	if f.numa < 1 {
		return guest.Config{}, "", fmt.Errorf("--numa %d: a machine has at least 1 node", f.numa)
	}
	shares, err := f.shares()
	if err != nil {
		return guest.Config{}, "", err
	}
	config := guest.Config{Kernel: &kernel.Image{Machine: m}, SMP: f.smp, Memory: f.mem, NUMA: f.numa,
		Append: f.append, Files: f.files, Shares: shares, Disks: f.disk, Bare: f.bare, Log: f.log, Dump: f.debug.dump, Timeout: f.timeout}
	return config, flavor, config.Check()
}

// shares returns the shares that --share describes.
func (f bootFlags) shares() ([]guest.Share, error) {
	var all []guest.Share
	for _, text := range f.share {
		s, err := guest.ParseShare(text)
		if err != nil {
			return nil, fmt.Errorf("--share: %w", err)
		}
		all = append(all, s)
	}
	return all, nil
}

// prepare builds the kernel and the initramfs for config.
func prepare(ctx context.Context, config *guest.Config, spec kernel.Spec) error {
	lab, err := kernel.OpenLab()
	if err != nil {
		return err
	}
	m := config.Kernel.Machine
	if len(config.Shares) > 0 {
		spec.More = append(spec.More, kernel.Share)
	}
	if len(config.Disks) > 0 {
		spec.More = append(spec.More, kernel.Suite)
	}
	if config.Kernel, err = lab.Kernel(ctx, m, spec); err != nil {
		return err
	}
	image := config.Kernel
	config.Explain = func(text string) string { return lines.Annotate(ctx, image, text) }
	config.LogDir = filepath.Join(lab.BuildDir(), "log")
	config.Initramfs, err = initramfs.Build(ctx, lab.Root(), lab.BuildDir(), m)
	return err
}

// onTerminal tells whether standard input is a terminal.
func onTerminal() bool { return term.IsTerminal(int(os.Stdin.Fd())) }

// interactive tells whether the user gets a shell on the guest's console.
func interactive(argv []string) bool { return onTerminal() && len(argv) == 0 }

// start boots the guest in the way that suits standard input and argv. A command's or a script's output goes to stdout.
func start(ctx context.Context, config guest.Config, argv []string, stdout io.Writer) (result guest.Result, err error) {
	defer func() { tellOfDump(config.Kernel, result) }()
	if interactive(argv) {
		fmt.Fprintf(os.Stderr, "Linux %s (%s) on %s with %d processors. %s.\n", config.Kernel.Release, config.Kernel.Name,
			config.Kernel.Machine.Name, config.SMP, guest.EscapeHelp)
		return guest.Interactive(ctx, config)
	}
	job := guest.Job{Argv: argv, Stdout: stdout, Stderr: os.Stderr}
	if !onTerminal() {
		job.Stdin = os.Stdin
	}
	result, err = guest.Run(ctx, config, job)
	return result, scriptMayPowerOff(err, argv)
}

// scriptMayPowerOff forgives a script that it switches the guest off itself.
func scriptMayPowerOff(err error, argv []string) error {
	var ended *guest.EndedError
	if len(argv) == 0 && errors.As(err, &ended) && ended.OnPurpose() {
		return nil
	}
	return err
}

// verdict turns the end of a guest that lived as long as it should into gpclab's.
func verdict(result guest.Result) error {
	if err := result.Complaint(); err != nil {
		return err
	}
	if result.ExitStatus != 0 {
		return exitError{status: result.ExitStatus}
	}
	return nil
}
