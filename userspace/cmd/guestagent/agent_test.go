package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gpc/harness/guest/wire"
)

func TestLockdepOff(t *testing.T) {
	for stats, want := range map[string]bool{
		" lock-classes:  512 [max: 8192]\n debug_locks:                             1\n": false,
		" lock-classes:  512 [max: 8192]\n debug_locks:                             0\n": true,
		"": false,
	} {
		if got := lockdepOff(stats); got != want {
			t.Errorf("%q: %v, want %v", stats, got, want)
		}
	}
}

func TestRegistered(t *testing.T) {
	for containers, want := range map[string][]string{
		"Hierarchies:\nSubsystems:\n": nil,
		"Hierarchies:\n1: containers=1 tasks=9 subsystems= name=a\nSubsystems:\n":        nil,
		"Hierarchies:\nSubsystems:\n0: name=debug_a hierarchy=0 containers=1 active=1\n": {"debug_a"},
		"Hierarchies:\n1: containers=1\nSubsystems:\n0: name=cpuset hierarchy=1 containers=1 active=1\n" +
			"1: name=ns hierarchy=0 containers=1 active=1\n": {"cpuset", "ns"},
	} {
		if got := registered(containers); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", containers, got, want)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		err    error
		status int
		said   string
	}{
		{&exec.Error{Name: "x", Err: exec.ErrNotFound}, statusNotFound, "x: command not found\n"},
		{&fs.PathError{Op: "stat", Path: "/x", Err: fs.ErrNotExist}, statusNotFound, "x: command not found\n"},
		{&exec.Error{Name: "x", Err: fs.ErrPermission}, statusNotExecutable, "x: permission denied\n"},
		{errors.New("exec format error"), statusNotExecutable, "x: exec format error\n"},
	} {
		stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
		if err != nil {
			t.Fatal(err)
		}
		status, err := explain("x", tt.err, stderr)
		said, _ := os.ReadFile(stderr.Name())
		stderr.Close()
		if status != tt.status || string(said) != tt.said || err != nil {
			t.Errorf("%v: status %d, said %q, error %v; want %d, %q", tt.err, status, said, err, tt.status, tt.said)
		}
	}
}

// sink is a job's input that can be closed.
type sink struct {
	bytes.Buffer
	closed bool
}

func (s *sink) Close() error {
	s.closed = true
	return nil
}

func TestFeedAsksForEachPiece(t *testing.T) {
	var asked bytes.Buffer
	s := newSession(&port{w: &asked})
	s.pieces = make(chan []byte, 3)
	s.pieces <- []byte("one ")
	s.pieces <- []byte("two")
	s.pieces <- nil
	var input sink
	s.feed(&input)
	if input.String() != "one two" || !input.closed {
		t.Errorf("the job got %q, closed %v; want \"one two\", true", &input.Buffer, input.closed)
	}
	for range 3 {
		if kind, _, err := wire.Read(&asked); kind != wire.Want || err != nil {
			t.Errorf("message of kind %d, error %v; want one that asks for input", kind, err)
		}
	}
	if _, _, err := wire.Read(&asked); err != io.EOF {
		t.Error("it asked for more than there was")
	}
}

func TestReceiveJob(t *testing.T) {
	message := func(kind wire.Kind, payload []byte) string {
		var m bytes.Buffer
		if err := wire.Write(&m, kind, payload); err != nil {
			t.Fatal(err)
		}
		return m.String()
	}
	encoded := func(v any) []byte {
		payload, err := wire.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		return payload
	}
	for _, tt := range []struct {
		name, sent string
		argv       []string // nil for an error
	}{
		{"a job", message(wire.Start, encoded(wire.Job{Argv: []string{"ls", "/\xff"}})), []string{"ls", "/\xff"}},
		{"no command", message(wire.Start, encoded(wire.Job{Dir: "/"})), nil},
		{"no job", message(wire.Ask, nil), nil},
		{"no value", message(wire.Start, []byte("ls")), nil},
		{"nothing", "", nil},
	} {
		job, err := receiveJob(bufio.NewReader(strings.NewReader(tt.sent)))
		if (err == nil) != (tt.argv != nil) || err == nil && fmt.Sprint(job.Argv) != fmt.Sprint(tt.argv) {
			t.Errorf("%s: %q, error %v; want %q", tt.name, job.Argv, err, tt.argv)
		}
	}
}

func TestConsoleLines(t *testing.T) {
	for _, tt := range []struct{ name, record, want string }{
		{"the kernel's", "4,12,1234567,-;WARNING: x\n", "[    1.234567] WARNING: x\n"},
		{"with a device", "6,13,12000001,-;pci: found\n SUBSYSTEM=pci\n DEVICE=+pci:00\n", "[   12.000001] pci: found\n"},
		{"several lines", "3,1,0,-;first\\x0asecond \\x5cx\n", "[    0.000000] first\n[    0.000000] second \\x\n"},
		{"semicolons", "6,1,1,-;a; b\n", "[    0.000001] a; b\n"},
		{"a program's", "12,14,1,-;WARNING: not so\n", ""},
		{"nonsense", "what", ""},
	} {
		if got := consoleLines(tt.record); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// broken is a port that takes nothing.
type broken struct{}

var errBroken = errors.New("no port")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestErrorsOfSendingEndTheSession(t *testing.T) {
	for name, do := range map[string]func(*session){
		"asking for input": func(s *session) { s.feed(new(sink)) },
		"passing on output": func(s *session) {
			w, err := s.output(wire.Stdout)
			if err != nil {
				t.Fatal(err)
			}
			w.WriteString("text")
			w.Close()
			s.outputs.Wait()
		},
	} {
		s := newSession(&port{w: broken{}})
		do(s)
		select {
		case err := <-s.failed:
			if !errors.Is(err, errBroken) {
				t.Errorf("%s: %v", name, err)
			}
		default:
			t.Errorf("%s: the error was dropped", name)
		}
	}
}
