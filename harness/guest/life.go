package guest

import (
	"context"
	"os"
	"time"

	"gpc/harness/complaint"
	"gpc/harness/guest/wire"
	"gpc/harness/qemu"
)

// talker makes the conversation with the agent of a machine whose console's log is at the given path.
type talker func(vm *qemu.VM, log string) (*conversation, error)

// live is a guest's whole life, from its boot to what is said about it afterwards. console decides where its console
// goes: to the log at the given path, or to the conversation, which then keeps the log.
func live(ctx context.Context, c Config, console func(log string) qemu.Option, talk talker) (Result, error) {
	log, err := newLog(c)
	if err != nil {
		return Result{}, err
	}
	result := Result{ConsoleLog: log}
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.Timeout, &TimeoutError{After: c.Timeout})
		defer cancel()
	}
	status, err := c.boot(ctx, console(log), talk, log)
	if status != nil {
		result.ExitStatus, result.Taint = status.Exit, status.Taint
	}
	text, readErr := os.ReadFile(log)
	if readErr != nil && err == nil {
		err = readErr
	}
	result.Complaints = complaint.Find(string(text))
	if status != nil && len(result.Complaints) == 0 {
		result.Complaints = complaint.FromState(status.Taint, status.LockdepOff)
	}
	return result, describe(err, log, string(text), result.Complaints)
}

// boot starts the machine, watches it to its end, and returns the job's status, nil if the guest did not get that far.
func (c Config) boot(ctx context.Context, console qemu.Option, talk talker, log string) (*wire.Status, error) {
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	vm, err := qemu.Start(ctx, c.Kernel.Machine.QEMU, append(options, console)...)
	if err != nil {
		return nil, err
	}
	defer vm.Kill()

	talking, err := talk(vm, log)
	if err != nil {
		return nil, err
	}
	talking.start()
	end := watch(ctx, vm, talking, log)
	vm.Kill()
	talking.console.Wait()
	if ctx.Err() != nil {
		// Somebody may be stuck in taking the output; nobody wants it any more.
		return nil, context.Cause(ctx)
	}
	// The machine is gone, and the conversation ends when it has passed on what was still under way.
	<-talking.done
	if end == nil && talking.status == nil {
		end = &EndedError{Kind: qemu.PoweredOff}
	}
	return talking.status, end
}

// watch returns when the machine, whose console is logged at the given path, has switched itself off or cannot go on;
// then the error says why.
func watch(ctx context.Context, vm *qemu.VM, talking *conversation, log string) error {
	talked := talking.done
	for {
		select {
		case event, ok := <-vm.Events():
			switch {
			case !ok:
				return vm.Wait()
			case event.Kind == qemu.Panicked:
				awaitSilence(ctx, log)
				return &PanicError{}
			case event.Kind == qemu.PoweredOff:
				return nil
			case event.Kind == qemu.WasReset:
				return &EndedError{Kind: event.Kind}
			}
		case <-talked:
			if talking.err != nil {
				return talking.err
			}
			// What comes now is the machine's own doing.
			talked = nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A kernel that has panicked is done when its console has been silent for this long, and at the latest after that.
const (
	silence       = 300 * time.Millisecond
	mostLastWords = 5 * time.Second
)

// awaitSilence returns when the log at the given path has stopped growing. The kernel reports its panic to the host
// while another processor may still hold the console.
func awaitSilence(ctx context.Context, log string) {
	deadline := time.After(mostLastWords)
	for size := int64(-1); ; {
		info, err := os.Stat(log)
		if err != nil || info.Size() == size {
			return
		}
		size = info.Size()
		select {
		case <-time.After(silence):
		case <-deadline:
			return
		case <-ctx.Done():
			return
		}
	}
}
