package guest

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"gpc/harness/guest/wire"
)

// agent plays the guest's side of a conversation.
type agent struct {
	t    *testing.T
	port net.Conn
}

// converse starts a conversation with an agent.
func converse(t *testing.T, c *conversation) agent {
	t.Helper()
	host, guest := net.Pipe()
	t.Cleanup(func() { host.Close(); guest.Close() })
	c.port = host
	c.start()
	return agent{t, guest}
}

// say sends a message.
func (a agent) say(kind wire.Kind, payload string) {
	a.t.Helper()
	if err := wire.Write(a.port, kind, []byte(payload)); err != nil {
		a.t.Fatal(err)
	}
}

// hear waits for a message of that kind and returns its payload.
func (a agent) hear(want wire.Kind) []byte {
	a.t.Helper()
	kind, payload, err := wire.Read(a.port)
	if err != nil || kind != want {
		a.t.Fatalf("the host sent kind %d, error %v; want kind %d", kind, err, want)
	}
	return payload
}

// encoded returns a value as a payload.
func encoded(t *testing.T, v any) []byte {
	t.Helper()
	payload, err := wire.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func TestConversation(t *testing.T) {
	var stdout, stderr bytes.Buffer
	c := &conversation{job: encoded(t, wire.Job{Argv: []string{"cat"}, Stdin: true}), stdin: strings.NewReader("input"), stdout: &stdout, stderr: &stderr}
	a := converse(t, c)

	a.say(wire.Hello, "")
	var job wire.Job
	if err := wire.Decode(a.hear(wire.Start), &job); err != nil || job.Argv[0] != "cat" {
		t.Fatalf("job %+v, error %v", job, err)
	}
	a.hear(wire.Ask)
	a.say(wire.Log, "[    0.000000] hello\n")
	a.say(wire.Well, string(encoded(t, wire.Clock(time.Second))))
	a.say(wire.Want, "")
	if piece := a.hear(wire.Stdin); string(piece) != "input" {
		t.Errorf("input %q", piece)
	}
	a.say(wire.Stdout, "out")
	a.say(wire.Stderr, "err")
	a.say(wire.Want, "")
	if piece := a.hear(wire.Stdin); len(piece) != 0 {
		t.Errorf("after the end of the input: %q", piece)
	}
	a.say(wire.Log, "[    1.000000] bye\n")
	want := wire.Status{Exit: 3, Taint: 512, LockdepOff: true, Clock: wire.Clock(time.Second)}
	a.say(wire.Exit, string(encoded(t, want)))

	<-c.done
	if c.err != nil || c.status == nil || *c.status != want {
		t.Errorf("status %+v, error %v; want %+v", c.status, c.err, want)
	}
	if stdout.String() != "out" || stderr.String() != "err" {
		t.Errorf("output %q, error output %q", &stdout, &stderr)
	}
	if c.log.String() != "[    0.000000] hello\n[    1.000000] bye\n" {
		t.Errorf("the kernel's log is %q", c.log.String())
	}
	if c.clock.off != "" {
		t.Error(c.clock.off)
	}
}

func TestCorruptMemoryIsToldAtOnce(t *testing.T) {
	c := &conversation{}
	a := converse(t, c)
	a.say(wire.Log, "[    6.200100] =====\n[    6.200504] BUG: KASAN: slab-use-after-free in f+0x1/0x2\n")
	<-c.corrupt
	a.say(wire.Log, "[    6.200604] BUG: KASAN: and again\n")
	a.port.Close()
	<-c.done
}

func TestSilence(t *testing.T) {
	c := &conversation{stdout: io.Discard}
	if greeted, silent := c.silence(); greeted || silent != 0 {
		t.Errorf("before it is up: greeted %v, silent for %v", greeted, silent)
	}
	c.greet()
	c.heard = time.Now().Add(-time.Minute)
	if _, silent := c.silence(); silent < time.Minute {
		t.Errorf("silent for %v, want a minute", silent)
	}
	c.setPassing(true)
	c.heard = time.Now().Add(-time.Minute)
	if _, silent := c.silence(); silent != 0 {
		t.Errorf("while nobody listens: silent for %v", silent)
	}
	c.setPassing(false)
	if _, silent := c.silence(); silent > 30*time.Second {
		t.Errorf("right after nobody listened: silent for %v", silent)
	}
}

func TestConversationWithAGuestThatGoesAway(t *testing.T) {
	c := &conversation{}
	a := converse(t, c)
	a.say(wire.Hello, "")
	a.hear(wire.Start)
	a.hear(wire.Ask)
	a.port.Close()
	<-c.done
	if c.err != nil || c.status != nil {
		t.Errorf("status %v, error %v; want neither: the machine's events tell what happened", c.status, c.err)
	}
}

// fullDisk takes no output.
type fullDisk struct{}

var errFull = errors.New("no space left")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestConversationErrors(t *testing.T) {
	for _, tt := range []struct {
		name    string
		kind    wire.Kind
		payload string
	}{
		{"output that cannot be written", wire.Stdout, "text"},
		{"unknown message", wire.Kind(99), ""},
		{"status that is none", wire.Exit, "gibberish"},
	} {
		c := &conversation{stdout: fullDisk{}, stderr: io.Discard}
		a := converse(t, c)
		a.say(tt.kind, tt.payload)
		<-c.done
		if c.err == nil {
			t.Errorf("%s: no error", tt.name)
		}
	}
}

// unreadable is an input that cannot be read.
type unreadable struct{}

func (unreadable) Read([]byte) (int, error) { return 0, errFull }

func TestInputThatCannotBeReadIsAnError(t *testing.T) {
	c := &conversation{stdin: unreadable{}}
	a := converse(t, c)
	a.say(wire.Want, "")
	<-c.done
	if !errors.Is(c.err, errFull) {
		t.Errorf("error %v, want %v", c.err, errFull)
	}
}

func TestMessageThatIsTooLongIsAnError(t *testing.T) {
	c := &conversation{job: make([]byte, wire.MaxPayload+1)}
	a := converse(t, c)
	a.say(wire.Hello, "")
	<-c.done
	if c.err == nil {
		t.Error("a job that cannot be sent is no error")
	}
}
