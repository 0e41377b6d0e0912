package main

import (
	"os"
	"os/signal"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"gpc/harness/guest/wire"
)

// switches are the signals by which poweroff, halt and reboot tell the first process what they want.
var switches = map[os.Signal]wire.End{
	unix.SIGUSR1: wire.ByPowerOff,
	unix.SIGUSR2: wire.ByPowerOff,
	unix.SIGTERM: wire.ByReboot,
}

// awaitSwitch ends the job, and all that it has started, when somebody asks for the machine to be switched off or restarted. The job's end
// is told to the host as ever, so nothing that the kernel has said before gets lost. The function returned tells why the job has ended.
func awaitSwitch() func() wire.End {
	asked := make(chan os.Signal, 1)
	for s := range switches {
		signal.Notify(asked, s)
	}
	var end atomic.Int32
	go func() {
		end.Store(int32(switches[<-asked]))
		// Everybody but us. That nobody is left to be killed is no error.
		_ = unix.Kill(-1, unix.SIGKILL)
	}()
	return func() wire.End { return wire.End(end.Load()) }
}
