// Package wire is the conversation between the host and the agent in the guest, on a virtio-serial port.
//
// The guest speaks first (Hello), the host answers with a Job, then the guest sends the job's output as it comes and
// asks for its input piece by piece (Want, Stdin), so that neither side ever holds more than one piece. Now and then the host asks how the
// guest is (Ask): the guest sends what is new in the kernel's log, and the time by its clock. Exit, with the rest of the log before it, ends
// the job; the host then ends the guest.
//
// A message is a byte for its kind, four for the payload's length (big-endian), and the payload: the bytes of a stream
// as they are, everything else as package gob has it, which keeps every byte of a string.
package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"io"
	"time"
)

// PortName is the name of the virtio-serial port that the agent looks for.
const PortName = "gpc.agent"

// MaxPayload is the longest payload of a message, in bytes: more than the arguments and the environment of any command that a kernel
// would execute.
const MaxPayload = 4 << 20

// Kind says what a message is.
type Kind byte

// The kinds of messages, in the order in which they first appear in a conversation.
const (
	Hello  Kind = iota + 1 // guest: the agent is up and waits for a Job
	Start                  // host: a Job
	Want                   // guest: the job can take more input
	Stdin                  // host: input of the job; empty at its end
	Stdout                 // guest: output of the job
	Stderr                 // guest: error output of the job
	Resize                 // host: a Size, the terminal has changed
	Ask                    // host: how are you?
	Log                    // guest: what the kernel has said since the last time, as lines of a console
	Well                   // guest: a Clock, the answer to Ask
	Exit                   // guest: a Status, the job has ended
)

// Job is what the guest is to run.
type Job struct {
	// Argv is the command and its arguments; the command is looked up in PATH.
	Argv []string
	// Env is added to the agent's own environment, as NAME=VALUE.
	Env []string
	// Dir is the working directory, "/" if empty.
	Dir string
	// Stdin says that the host has input for the job; without, its standard input is /dev/null.
	Stdin bool
	// Terminal gives the job the console as controlling terminal, of this size; its output then goes there.
	Terminal *Size
	// Bare asks that no hierarchy of containers be mounted for the job.
	Bare bool
}

// Size is a terminal's, in characters.
type Size struct{ Rows, Cols uint16 }

// Clock is the time since the guest's boot, by its own clock.
type Clock time.Duration

// End is why a job has ended.
type End int

// What ends a job.
const (
	ByItself   End = iota
	ByPowerOff     // somebody in the guest has asked for it to be switched off
	ByReboot       // somebody in the guest has asked for it to be restarted
)

// Status is how a job ended and what the kernel was like then.
type Status struct {
	// End is why it ended. The exit status counts only where it did by itself.
	End End
	// Exit is the command's exit status, 128+N if signal N killed it.
	Exit int
	// Taint is /proc/sys/kernel/tainted.
	Taint uint64
	// LockdepOff is true if the kernel has lockdep and it has switched itself off, as it does at its first report.
	LockdepOff bool
	// LogLost is true if the kernel has overwritten parts of its log before they could be sent.
	LogLost bool
	// Clock is the time at the end.
	Clock Clock
}

// Encode returns v, a Job or another value, as a payload.
func Encode(v any) ([]byte, error) {
	var payload bytes.Buffer
	if err := gob.NewEncoder(&payload).Encode(v); err != nil {
		return nil, err
	}
	if payload.Len() > MaxPayload {
		return nil, fmt.Errorf("a message of %d bytes: at most %d are allowed", payload.Len(), MaxPayload)
	}
	return payload.Bytes(), nil
}

// Decode reads a value that Encode has made of a payload into v, a pointer.
func Decode(payload []byte, v any) error { return gob.NewDecoder(bytes.NewReader(payload)).Decode(v) }

// Write sends one message with the payload as it is.
func Write(w io.Writer, k Kind, payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("a message of %d bytes: at most %d are allowed", len(payload), MaxPayload)
	}
	// One write for the whole message: a port may be shared by goroutines that take turns.
	buf := make([]byte, 0, 5+len(payload))
	buf = append(buf, byte(k))
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(payload)))
	buf = append(buf, payload...)
	_, err := w.Write(buf)
	return err
}

// WriteValue sends one message with v as its payload.
func WriteValue(w io.Writer, k Kind, v any) error {
	payload, err := Encode(v)
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
		return 0, nil, fmt.Errorf("a message of %d bytes: at most %d are allowed", n, MaxPayload)
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
