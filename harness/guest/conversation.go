package guest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"

	"gpc/harness/guest/wire"
)

// pieceSize is how many bytes of input travel in one message.
const pieceSize = 32 << 10

// conversation is the host's side of the talk with the agent.
type conversation struct {
	port           net.Conn
	job            wire.Job
	stdin          io.Reader // nil if the job has none
	stdout, stderr io.Writer

	sending sync.Mutex     // one message at a time
	console sync.WaitGroup // ends when all that a console shows has been logged

	done chan struct{} // closed at the end; what follows is to be read then
	// status is the job's end, nil if the guest was gone before.
	status *wire.Status
	// err says what went wrong on our side. A guest that goes away in the middle is no error here: the machine's
	// events tell the reason.
	err error
}

// start starts the conversation. It ends when the guest has been told to switch off, or when its machine is gone.
func (c *conversation) start() {
	c.done = make(chan struct{})
	go func() {
		defer close(c.done)
		c.err = c.run()
	}()
}

// run answers messages until the job has ended.
func (c *conversation) run() error {
	in := bufio.NewReaderSize(c.port, wire.MaxPayload)
	for {
		kind, payload, err := wire.Read(in)
		if err != nil {
			return nil
		}
		switch kind {
		case wire.Hello:
			c.sendJSON(wire.Start, c.job)
		case wire.Want:
			// Reading may take for ever, and the guest has more to say meanwhile.
			go c.sendInput()
		case wire.Stdout:
			_, err = c.stdout.Write(payload)
		case wire.Stderr:
			_, err = c.stderr.Write(payload)
		case wire.Exit:
			c.status = new(wire.Status)
			if err := json.Unmarshal(payload, c.status); err != nil {
				return fmt.Errorf("the guest's agent: %w", err)
			}
			c.send(wire.PowerOff, nil)
			return nil
		default:
			err = errors.New("the guest's agent speaks another language: rebuild the initramfs")
		}
		if err != nil {
			return fmt.Errorf("pass on the command's output: %w", err)
		}
	}
}

// sendInput sends the next piece of input. The agent asks for one at a time, so no two of these run at once.
func (c *conversation) sendInput() {
	piece := make([]byte, pieceSize)
	for {
		n, err := c.stdin.Read(piece)
		if n > 0 || err != nil {
			c.send(wire.Stdin, piece[:n])
			return
		}
	}
}

// send sends a message. If that fails the guest is gone, which the reading side finds out, too.
func (c *conversation) send(kind wire.Kind, payload []byte) {
	c.sending.Lock()
	defer c.sending.Unlock()
	_ = wire.Write(c.port, kind, payload)
}

// sendJSON sends a message with v as its payload.
func (c *conversation) sendJSON(kind wire.Kind, v any) {
	c.sending.Lock()
	defer c.sending.Unlock()
	_ = wire.WriteJSON(c.port, kind, v)
}
