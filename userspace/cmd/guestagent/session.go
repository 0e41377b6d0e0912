package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"gpc/harness/guest/wire"
)

// pieceSize is how many bytes of a stream travel in one message.
const pieceSize = 32 << 10

// session is one job's traffic with the host.
type session struct {
	port *port
	// pieces takes input from the host to the job. The host sends a piece only when asked, so one place is enough.
	pieces chan []byte
	// terminal is the job's terminal, nil without.
	terminal *os.File
	// outputs ends when all the job's output has been sent.
	outputs sync.WaitGroup
	// failed takes the first error of those who work beside the job.
	failed chan error

	reporting sync.Mutex // one report of the kernel's log at a time
	log       *kernelLog
}

// newSession returns a session over a port. Whoever wants a report of the kernel's log must set that.
func newSession(p *port) *session {
	return &session{port: p, pieces: make(chan []byte, 1), failed: make(chan error, 1)}
}

// fail ends the session with an error. Only the first counts.
func (s *session) fail(err error) {
	select {
	case s.failed <- err:
	default:
	}
}

// run runs the job and reports its end. It returns only with an error: when all is done the host ends the guest.
func (s *session) run(job wire.Job, in *bufio.Reader) error {
	stdio, err := s.connect(job)
	if err != nil {
		return err
	}
	go func() { s.fail(s.obey(in)) }()
	go func() {
		if err := s.work(job, stdio); err != nil {
			s.fail(err)
			return
		}
		// The host has all that it wants. It is about to end the guest, and the first thing to go may be its end of the port.
		s.fail(nil)
	}()
	if err := <-s.failed; err != nil {
		return err
	}
	select {}
}

// work runs the job to its end and tells the host how that was.
func (s *session) work(job wire.Job, stdio [3]*os.File) error {
	switching := awaitSwitch()
	exit, err := runJob(job, stdio)
	if err != nil {
		return err
	}
	if s.terminal != nil {
		if err := drainConsole(); err != nil {
			return err
		}
	}
	for _, f := range stdio {
		f.Close()
	}
	s.outputs.Wait()
	status, err := kernelStatus(exit)
	if err != nil {
		return err
	}
	status.End = switching()
	if err := s.report(); err != nil {
		return err
	}
	status.LogLost = s.log.lost
	if status.Clock, err = clock(); err != nil {
		return err
	}
	return s.port.sendValue(wire.Exit, status)
}

// report sends what is new in the kernel's log.
func (s *session) report() error {
	s.reporting.Lock()
	defer s.reporting.Unlock()
	news, err := s.log.news()
	if err != nil || news == "" {
		return err
	}
	return s.port.send(wire.Log, []byte(news))
}

// clock returns the time since boot, by the clock that deadlines and intervals go by.
func clock() (wire.Clock, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, os.NewSyscallError("clock_gettime", err)
	}
	return wire.Clock(time.Duration(now.Nano())), nil
}

// connect makes the job's standard files: the terminal three times, or pipes to the host.
func (s *session) connect(job wire.Job) (stdio [3]*os.File, err error) {
	if job.Terminal != nil {
		for i := range stdio {
			if stdio[i], err = openConsole(); err != nil {
				return stdio, err
			}
		}
		s.terminal = stdio[0]
		return stdio, resize(s.terminal, *job.Terminal)
	}
	if stdio[0], err = s.input(job.Stdin); err != nil {
		return stdio, err
	}
	if stdio[1], err = s.output(wire.Stdout); err != nil {
		return stdio, err
	}
	stdio[2], err = s.output(wire.Stderr)
	return stdio, err
}

// input returns the job's standard input: /dev/null, or a pipe that is fed from the host.
func (s *session) input(wanted bool) (*os.File, error) {
	if !wanted {
		return os.Open(os.DevNull)
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	go s.feed(w)
	return r, nil
}

// feed asks the host for input and passes it on, until its end or until nobody reads it any more.
func (s *session) feed(w io.WriteCloser) {
	defer w.Close()
	for {
		if err := s.port.send(wire.Want, nil); err != nil {
			s.fail(err)
			return
		}
		piece := <-s.pieces
		if len(piece) == 0 {
			return
		}
		if _, err := w.Write(piece); err != nil {
			return // the job has ended, or does not read any more
		}
	}
}

// output returns the writing end of a pipe whose content goes to the host.
func (s *session) output(kind wire.Kind) (*os.File, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	s.outputs.Go(func() {
		defer r.Close()
		piece := make([]byte, pieceSize)
		for {
			n, err := r.Read(piece)
			if n > 0 {
				if err := s.port.send(kind, piece[:n]); err != nil {
					s.fail(err)
					return
				}
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				s.fail(err)
				return
			}
		}
	})
	return w, nil
}

// obey does what the host says, for ever.
func (s *session) obey(in *bufio.Reader) error {
	for {
		kind, payload, err := wire.Read(in)
		if err != nil {
			return fmt.Errorf("the host is gone: %w", err)
		}
		switch kind {
		case wire.Stdin:
			s.pieces <- payload
		case wire.Resize:
			var size wire.Size
			if err := wire.Decode(payload, &size); err != nil {
				return err
			}
			// The shell may have ended meanwhile, and its terminal with it.
			_ = resize(s.terminal, size)
		case wire.Ask:
			if err := s.answer(); err != nil {
				return err
			}
		default:
			return fmt.Errorf("the host sent a message of kind %d", kind)
		}
	}
}

// answer tells the host how the guest is.
func (s *session) answer() error {
	if err := s.report(); err != nil {
		return err
	}
	now, err := clock()
	if err != nil {
		return err
	}
	return s.port.sendValue(wire.Well, now)
}
