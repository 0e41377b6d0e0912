package guest

import (
	"context"
	"errors"
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
	log, err := c.newLog()
	if err != nil {
		return Result{}, err
	}
	result := Result{ConsoleLog: log}
	talking, err := c.boot(ctx, console(log), talk, log)
	text, readErr := os.ReadFile(log)
	if readErr != nil && err == nil {
		err = readErr
	}
	if _, statErr := os.Stat(c.Dump); c.Dump != "" && statErr == nil {
		result.Dump = c.Dump
	}
	if talking != nil {
		result.judge(talking, string(text), !c.exact() && c.Debugger == nil)
	} else {
		result.Log = string(text)
		result.Complaints = complaint.Find(result.Log)
	}
	err = describe(err, log, string(text), result.Complaints)
	if c.Explain != nil && ctx.Err() == nil {
		explain(c.Explain, err, result.Complaints)
	}
	return result, err
}

// judge fills in what is known from a conversation that has ended, and from the console.
func (r *Result) judge(talking *conversation, console string, realTime bool) {
	status := talking.status
	// What the kernel itself has handed over is its word, whatever programs have printed on the console. The console counts where
	// the guest has died, and where the log was longer than the kernel keeps.
	r.Log = talking.log.String()
	if status == nil && !talking.left || status != nil && status.LogLost {
		r.Log = console
	}
	r.Complaints = complaint.Find(r.Log)
	if status != nil {
		r.Taint = status.Taint
		if status.End == wire.ByItself {
			r.ExitStatus = status.Exit
		}
		if len(r.Complaints) == 0 {
			r.Complaints = complaint.FromState(status.Taint, status.LockdepOff)
		}
	}
	if realTime {
		r.Complaints = append(r.Complaints, talking.clock.report()...)
	}
}

// boot starts the machine, watches it to its end, and returns the conversation, which has ended; nil if it cannot be asked any more.
func (c Config) boot(ctx context.Context, console qemu.Option, talk talker, log string) (*conversation, error) {
	options, err := c.options()
	if err != nil {
		return nil, err
	}
	vm, remove, err := c.start(ctx, append(options, console))
	if err != nil {
		return nil, err
	}
	defer remove()
	defer vm.Kill()

	talking, err := talk(vm, log)
	if err != nil {
		return nil, err
	}
	talking.start()
	end := c.watch(ctx, vm, talking, log)
	_, silent := talking.silence()
	var undumped error
	if c.Dump != "" && worthDump(end) {
		undumped = c.dump(vm)
	}
	vm.Kill()
	talking.console.Wait()
	if cause := context.Cause(ctx); cause != nil && cause != errLeft {
		// Somebody may be stuck in taking the output; nobody wants it any more.
		return nil, cause
	}
	if _, stuck := end.(*StuckError); stuck && talking.passingOutput() {
		return nil, errors.Join(end, undumped)
	}
	// The machine is gone, and the conversation ends when it has passed on what was still under way.
	<-talking.done
	talking.left = end == errLeft && silent < answersWithin
	switch {
	case end == nil:
		end = talking.end()
	case undumped != nil:
		end = errors.Join(end, undumped)
	}
	return talking, end
}

// answersWithin is how long the agent of a guest that is well takes to be heard, at most.
const answersWithin = 5 * askEvery

// lookEvery is how often the console's log is looked at.
const lookEvery = 200 * time.Millisecond

// watch returns when the job has ended, when the machine, whose console is logged at the given path, has switched itself off, or when it
// cannot go on; then the error says why.
func (c Config) watch(ctx context.Context, vm *qemu.VM, talking *conversation, log string) error {
	var timeout, corrupt <-chan time.Time
	if c.Timeout > 0 {
		timeout = time.After(c.Timeout)
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	console := followConsole(log)
	reported, talked := talking.corrupt, talking.done
	for {
		select {
		case event, ok := <-vm.Events():
			switch {
			case !ok:
				return vm.Wait()
			case event.Kind == qemu.Panicked:
				awaitSilence(ctx, log)
				return &PanicError{}
			case event.Kind == qemu.PoweredOff || event.Kind == qemu.WasReset:
				return &EndedError{Kind: event.Kind}
			}
		case <-talked:
			if talking.status != nil || talking.err != nil {
				return nil
			}
			// The guest is gone, and the machine is about to say why.
			talked = nil
		case <-look.C:
			if err := console.look(); err != nil {
				return err
			}
			if err := c.dead(ctx, vm, talking, console); err != nil {
				return err
			}
		case <-reported:
			// The report may not be complete yet, and the job may be about to end.
			reported, corrupt = nil, time.After(lastWords)
		case <-corrupt:
			return &CorruptError{}
		case <-timeout:
			return &StuckError{After: c.Timeout, Where: where(vm, c.Kernel)}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// A guest hangs when it has said nothing for as long as Config.Silence says, by default:
const usualSilence = 2 * time.Minute

// A kernel that has complained gets lastWords to say the rest. So does the agent of one that may have, by what the console shows.
const lastWords = 10 * time.Second

// dead returns an error if the guest can be seen to be dead though no event has told so: its kernel has panicked before it had the means to
// tell the host, or it is silent.
func (c Config) dead(ctx context.Context, vm *qemu.VM, talking *conversation, console *console) error {
	limit := c.Silence
	if limit == 0 {
		limit = usualSilence
	}
	greeted, silent := talking.silence()
	if !greeted {
		// Nobody but the kernel writes to the console yet.
		if console.panicked {
			awaitSilence(ctx, console.path)
			return &PanicError{}
		}
		silent = time.Since(console.grown)
	} else if console.complained {
		limit = min(limit, lastWords)
	}
	if silent < limit || c.Debugger != nil {
		return nil
	}
	return &StuckError{Silent: true, After: limit, Where: where(vm, c.Kernel)}
}

// A kernel that has panicked is done when its console has been silent for this long, and at the latest after lastWords.
const silence = 300 * time.Millisecond

// awaitSilence returns when the log at the given path has stopped growing. The kernel reports its panic to the host
// while another processor may still hold the console.
func awaitSilence(ctx context.Context, log string) {
	deadline := time.After(lastWords)
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

// end returns why the guest has ended, by what a conversation that is over has told: nil for a job that has ended by itself.
func (c *conversation) end() error {
	switch {
	case c.err != nil:
		return c.err
	case c.status == nil:
		return &EndedError{Kind: qemu.PoweredOff}
	case c.status.End == wire.ByPowerOff:
		return &EndedError{Kind: qemu.PoweredOff}
	case c.status.End == wire.ByReboot:
		return &EndedError{Kind: qemu.WasReset}
	}
	return nil
}
