package guest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

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

func TestConversation(t *testing.T) {
	var stdout, stderr bytes.Buffer
	c := &conversation{job: wire.Job{Argv: []string{"cat"}, Stdin: true}, stdin: strings.NewReader("input"), stdout: &stdout, stderr: &stderr}
	a := converse(t, c)

	a.say(wire.Hello, "")
	var job wire.Job
	if err := json.Unmarshal(a.hear(wire.Start), &job); err != nil || job.Argv[0] != "cat" {
		t.Fatalf("job %+v, error %v", job, err)
	}
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
	a.say(wire.Exit, `{"Exit": 3, "Taint": 512, "LockdepOff": true}`)
	a.hear(wire.PowerOff)

	<-c.done
	want := wire.Status{Exit: 3, Taint: 512, LockdepOff: true}
	if c.err != nil || c.status == nil || *c.status != want {
		t.Errorf("status %+v, error %v; want %+v", c.status, c.err, want)
	}
	if stdout.String() != "out" || stderr.String() != "err" {
		t.Errorf("output %q, error output %q", &stdout, &stderr)
	}
}

func TestConversationWithAGuestThatGoesAway(t *testing.T) {
	c := &conversation{}
	a := converse(t, c)
	a.say(wire.Hello, "")
	a.hear(wire.Start)
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
