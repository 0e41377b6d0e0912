package guest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"gpc/harness/complaint"
	"gpc/harness/guest/wire"
)

// pieceSize is how many bytes of input travel in one message.
const pieceSize = 32 << 10

// askEvery is how long the host waits after an answer before it asks again how the guest is.
const askEvery = time.Second

// conversation is the host's side of the talk with the agent.
type conversation struct {
	port           net.Conn
	job            []byte    // a wire.Job, encoded
	stdin          io.Reader // nil if the job has none
	stdout, stderr io.Writer

	sending sync.Mutex     // one message at a time
	console sync.WaitGroup // ends when all that a console shows has been logged

	// corrupt is closed when the kernel has reported that its memory is not what it should be.
	corrupt chan struct{}
	done    chan struct{} // closed at the end; what follows is to be read then
	// status is the job's end, nil if the guest was gone before.
	status *wire.Status
	// left tells that a user has left a guest that was well.
	left bool
	// log is what the kernel has said as far as the guest has sent it.
	log strings.Builder
	// clock is what is known of the guest's.
	clock clock
	// err says what went wrong on our side. A guest that goes away in the middle is no error here: the machine's
	// events tell the reason.
	err error

	failing  sync.Once
	failure  error // of those who send beside run; to be read when the port is closed
	life     sync.Mutex
	greeted  bool      // the agent has said hello
	passing  bool      // output is being passed on, which may take for ever
	heard    time.Time // when the guest last said anything, or output was passed on
	asked    time.Time // when the host last asked
	answered chan struct{}
}

// start starts the conversation. It ends when the guest has told all that there is, or when its machine is gone.
func (c *conversation) start() {
	c.done, c.corrupt, c.answered = make(chan struct{}), make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(c.done)
		c.err = c.run()
	}()
}

// fail ends the conversation with an error of somebody who sends. That the guest is gone is none: the reading side finds that out, too.
func (c *conversation) fail(err error) {
	if err == nil || gone(err) {
		return
	}
	c.failing.Do(func() {
		c.failure = err
		c.port.Close()
	})
}

// gone reports whether an error of the port only tells that the other end of the connection is no more, or that we have closed ours.
func gone(err error) bool {
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.EPIPE, syscall.ECONNRESET} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// run answers messages until the job has ended.
func (c *conversation) run() error {
	in := bufio.NewReaderSize(c.port, 1<<20)
	for {
		kind, payload, err := wire.Read(in)
		if gone(err) {
			return c.failure
		}
		if err != nil {
			return err
		}
		c.hear()
		switch kind {
		case wire.Hello:
			c.greet()
			c.fail(c.send(wire.Start, c.job))
			go c.ask()
		case wire.Want:
			// Reading may take for ever, and the guest has more to say meanwhile.
			go c.sendInput()
		case wire.Stdout:
			err = c.pass(c.stdout, payload)
		case wire.Stderr:
			err = c.pass(c.stderr, payload)
		case wire.Log:
			c.keep(string(payload))
		case wire.Well:
			err = c.hearAnswer(payload)
		case wire.Exit:
			status := new(wire.Status)
			if err := wire.Decode(payload, status); err != nil {
				return fmt.Errorf("the guest's agent: %w", err)
			}
			c.clock.ended(time.Duration(status.Clock), time.Now())
			c.status = status
			return nil
		default:
			err = errors.New("the guest's agent speaks another language: rebuild the initramfs")
		}
		if err != nil {
			return err
		}
	}
}

// pass passes on output of the job.
func (c *conversation) pass(w io.Writer, output []byte) error {
	c.setPassing(true)
	defer c.setPassing(false)
	if _, err := w.Write(output); err != nil {
		return fmt.Errorf("pass on the command's output: %w", err)
	}
	return nil
}

// keep keeps what the kernel has said, and looks whether its memory can still be trusted.
func (c *conversation) keep(lines string) {
	c.log.WriteString(lines)
	select {
	case <-c.corrupt:
	default:
		if complaint.Corrupt(lines) {
			close(c.corrupt)
		}
	}
}

// hearAnswer takes the answer to ask.
func (c *conversation) hearAnswer(payload []byte) error {
	var now wire.Clock
	if err := wire.Decode(payload, &now); err != nil {
		return fmt.Errorf("the guest's agent: %w", err)
	}
	c.life.Lock()
	asked := c.asked
	c.life.Unlock()
	c.clock.told(time.Duration(now), asked, time.Now())
	c.answered <- struct{}{}
	return nil
}

// ask asks again and again how the guest is, with one question open at a time.
func (c *conversation) ask() {
	for {
		c.life.Lock()
		c.asked = time.Now()
		c.life.Unlock()
		if err := c.send(wire.Ask, nil); err != nil {
			c.fail(err)
			return
		}
		select {
		case <-c.answered:
		case <-c.done:
			return
		}
		select {
		case <-time.After(askEvery):
		case <-c.done:
			return
		}
	}
}

// sendInput sends the next piece of input. The agent asks for one at a time, so no two of these run at once.
func (c *conversation) sendInput() {
	piece := make([]byte, pieceSize)
	for {
		n, err := c.stdin.Read(piece)
		if err != nil && err != io.EOF {
			c.fail(&os.PathError{Op: "read", Path: "the command's input", Err: err})
			return
		}
		if n > 0 || err != nil {
			c.fail(c.send(wire.Stdin, piece[:n]))
			return
		}
	}
}

// send sends a message.
func (c *conversation) send(kind wire.Kind, payload []byte) error {
	c.sending.Lock()
	defer c.sending.Unlock()
	return wire.Write(c.port, kind, payload)
}

// greet notes that the agent is up.
func (c *conversation) greet() {
	c.life.Lock()
	defer c.life.Unlock()
	c.greeted = true
}

// hear notes that the guest has said something.
func (c *conversation) hear() {
	c.life.Lock()
	defer c.life.Unlock()
	c.heard = time.Now()
}

// setPassing notes that output begins to be passed on, or has been.
func (c *conversation) setPassing(passing bool) {
	c.life.Lock()
	defer c.life.Unlock()
	c.passing, c.heard = passing, time.Now()
}

// silence tells whether the agent is up, and how long the guest has said nothing though somebody listened.
func (c *conversation) silence() (greeted bool, silent time.Duration) {
	c.life.Lock()
	defer c.life.Unlock()
	if !c.greeted || c.passing {
		return c.greeted, 0
	}
	return true, time.Since(c.heard)
}

// passingOutput tells whether output is being passed on.
func (c *conversation) passingOutput() bool {
	c.life.Lock()
	defer c.life.Unlock()
	return c.passing
}
