package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"sync"

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
}

// run runs the job, reports its end, and returns when the host wants the power switched off.
func (s *session) run(job wire.Job, in *bufio.Reader) error {
	stdio, err := s.connect(job)
	if err != nil {
		return err
	}
	hostDone := make(chan error, 1)
	go func() { hostDone <- s.obey(in) }()

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
	if err := s.port.sendJSON(wire.Exit, status); err != nil {
		return err
	}
	return <-hostDone
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
			return
		}
		piece := <-s.pieces
		if len(piece) == 0 {
			return
		}
		if _, err := w.Write(piece); err != nil {
			return
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
			if n > 0 && s.port.send(kind, piece[:n]) != nil {
				return
			}
			if err != nil {
				return
			}
		}
	})
	return w, nil
}

// obey does what the host says, until it says to switch the power off.
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
			if err := json.Unmarshal(payload, &size); err != nil {
				return err
			}
			// The shell may have ended meanwhile, and its terminal with it.
			_ = resize(s.terminal, size)
		case wire.PowerOff:
			return nil
		default:
			return fmt.Errorf("the host sent a message of kind %d", kind)
		}
	}
}
