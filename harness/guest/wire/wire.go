// Package wire is the conversation between the host and the agent in the guest, on a virtio-serial port.
//
// The guest speaks first (Hello), the host answers with a Job, then the guest sends the job's output as it comes and
// asks for its input piece by piece (Want, Stdin), so that neither side ever holds more than one piece. Exit ends the
// job; the host then asks for the power to be switched off.
//
// A message is a byte for its kind, four for the payload's length (big-endian), and the payload: the bytes of a stream
// as they are, everything else as JSON.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// PortName is the name of the virtio-serial port that the agent looks for.
const PortName = "gpc.agent"

// MaxPayload is the longest payload of a message, in bytes.
const MaxPayload = 1 << 20

// Kind says what a message is.
type Kind byte

// The kinds of messages, in the order in which they first appear in a conversation.
const (
	Hello    Kind = iota + 1 // guest: the agent is up and waits for a Job
	Start                    // host: a Job
	Want                     // guest: the job can take more input
	Stdin                    // host: input of the job; empty at its end
	Stdout                   // guest: output of the job
	Stderr                   // guest: error output of the job
	Resize                   // host: a Size, the terminal has changed
	Exit                     // guest: a Status, the job has ended
	PowerOff                 // host: switch the guest off
)

// Job is what the guest is to run.
type Job struct {
	// Argv is the command and its arguments; the command is looked up in PATH.
	Argv []string
	// Env is added to the agent's own environment, as NAME=VALUE.
	Env []string `json:",omitempty"`
	// Dir is the working directory, "/" if empty.
	Dir string `json:",omitempty"`
	// Stdin says that the host has input for the job; without, its standard input is /dev/null.
	Stdin bool `json:",omitempty"`
	// Terminal gives the job the console as controlling terminal, of this size; its output then goes there.
	Terminal *Size `json:",omitempty"`
	// Bare asks that no hierarchy of containers be mounted for the job.
	Bare bool `json:",omitempty"`
}

// Size is a terminal's, in characters.
type Size struct{ Rows, Cols uint16 }

// Status is how a job ended and what the kernel was like then.
type Status struct {
	// Exit is the command's exit status, 128+N if signal N killed it.
	Exit int
	// Taint is /proc/sys/kernel/tainted.
	Taint uint64
	// LockdepOff is true if the kernel has lockdep and it has switched itself off, as it does at its first report.
	LockdepOff bool
}

// Write sends one message with the payload as it is.
func Write(w io.Writer, k Kind, payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("message of %d bytes: at most %d are allowed", len(payload), MaxPayload)
	}
	// One write for the whole message: a port may be shared by goroutines that take turns.
	buf := make([]byte, 0, 5+len(payload))
	buf = append(buf, byte(k))
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(payload)))
	buf = append(buf, payload...)
	_, err := w.Write(buf)
	return err
}

// WriteJSON sends one message with v as its payload.
func WriteJSON(w io.Writer, k Kind, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return Write(w, k, payload)
}

// Read receives one message. The error is io.EOF only between messages.
func Read(r io.Reader) (Kind, []byte, error) {
	var header [5]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(header[1:])
	if n > MaxPayload {
		return 0, nil, fmt.Errorf("message of %d bytes: at most %d are allowed", n, MaxPayload)
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return Kind(header[0]), payload, nil
}
