// Command guestagent is the guest's first process. It makes the machine usable, runs the one job that the host sends
// over a virtio-serial port, and tells the host what the kernel says meanwhile. When the job has ended the host ends the guest.
//
// It is /init, so it must not end: a kernel whose first process is gone panics, which is also how the host learns of
// an agent that cannot do its work. The reason stands on the console then.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"gpc/harness/guest/wire"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "usage: guestagent is the guest's /init: the kernel starts it, and it runs the job that the host sends.")
		os.Exit(2)
	}
	fmt.Fprintf(os.Stderr, "guestagent: %v\n", serve())
	os.Exit(1)
}

// serve does everything. It returns only with an error.
func serve() error {
	if err := mountBasics(); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte("guest")); err != nil {
		return err
	}
	if err := startLoopback(); err != nil {
		return err
	}
	if path := kernelArgument("init"); path != "" {
		err := unix.Exec(path, []string{path}, environment())
		return fmt.Errorf("the kernel's command line asks for init=%s: %w", path, err)
	}
	device, err := openPort(wire.PortName)
	if err != nil {
		return err
	}
	out := &port{w: device}
	if err := out.send(wire.Hello, nil); err != nil {
		return err
	}
	in := bufio.NewReader(device)
	job, err := receiveJob(in)
	if err != nil {
		return fmt.Errorf("no job from the host: %w", err)
	}
	if !job.Bare {
		if err := mountContainers(); err != nil {
			return err
		}
	}
	s := newSession(out)
	if s.log, err = openKernelLog(); err != nil {
		return err
	}
	return s.run(job, in)
}

// kernelArgument returns the last value of name= on the kernel's command line.
func kernelArgument(name string) string {
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return ""
	}
	var value string
	for _, field := range strings.Fields(string(cmdline)) {
		if v, ok := strings.CutPrefix(field, name+"="); ok {
			value = v
		}
	}
	return value
}

// receiveJob waits for the job.
func receiveJob(in *bufio.Reader) (wire.Job, error) {
	var job wire.Job
	kind, payload, err := wire.Read(in)
	if err != nil {
		return job, err
	}
	if kind != wire.Start {
		return job, fmt.Errorf("message of kind %d instead", kind)
	}
	if err := wire.Decode(payload, &job); err != nil {
		return job, err
	}
	if len(job.Argv) == 0 {
		return job, fmt.Errorf("it names no command")
	}
	return job, nil
}
