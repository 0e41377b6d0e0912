package wire

import (
	"bytes"
	"io"
	"reflect"
	"strings"
	"testing"
)

func TestMessagesArriveAsSent(t *testing.T) {
	sent := []struct {
		kind    Kind
		payload []byte
	}{
		{Hello, nil},
		{Stdout, []byte("text\nwith a zero \x00 byte")},
		{Stdin, []byte{}},
		{Stderr, bytes.Repeat([]byte{0xff}, MaxPayload)},
	}
	var pipe bytes.Buffer
	for _, m := range sent {
		if err := Write(&pipe, m.kind, m.payload); err != nil {
			t.Fatal(err)
		}
	}
	for i, m := range sent {
		kind, payload, err := Read(&pipe)
		if err != nil || kind != m.kind || !bytes.Equal(payload, m.payload) {
			t.Errorf("message %d: got kind %d, %d bytes, error %v; want kind %d, %d bytes", i, kind, len(payload), err, m.kind, len(m.payload))
		}
	}
	if _, _, err := Read(&pipe); err != io.EOF {
		t.Errorf("after the last message: %v, want io.EOF", err)
	}
}

func TestJobKeepsEveryByte(t *testing.T) {
	job := Job{Argv: []string{"sh", "-c", "a\xffb\x00"}, Env: []string{"A=\xc3"}, Dir: "/tmp/\xfe", Stdin: true, Terminal: &Size{Rows: 24, Cols: 80}, Bare: true}
	var pipe bytes.Buffer
	if err := WriteValue(&pipe, Start, job); err != nil {
		t.Fatal(err)
	}
	_, payload, err := Read(&pipe)
	if err != nil {
		t.Fatal(err)
	}
	var got Job
	if err := Decode(payload, &got); err != nil || !reflect.DeepEqual(got, job) {
		t.Errorf("got %+v, error %v; want %+v", got, err, job)
	}
	if err := Decode([]byte("gibberish"), &got); err == nil {
		t.Error("gibberish passed for a job")
	}
}

func TestTooMuchIsAnError(t *testing.T) {
	job := Job{Argv: []string{strings.Repeat("x", MaxPayload)}}
	if _, err := Encode(job); err == nil {
		t.Error("a job over MaxPayload was encoded")
	}
	if err := WriteValue(io.Discard, Start, job); err == nil {
		t.Error("a job over MaxPayload was sent")
	}
}

func TestBrokenMessages(t *testing.T) {
	for name, data := range map[string]string{
		"cut in the header":  "\x05\x00",
		"cut in the payload": "\x05\x00\x00\x00\x04ab",
		"no payload at all":  "\x05\x00\x00\x00\x04",
		"absurd length":      "\x05\xff\xff\xff\xff",
	} {
		if _, _, err := Read(bytes.NewReader([]byte(data))); err == nil || err == io.EOF {
			t.Errorf("%s: error %v, want one that is not io.EOF", name, err)
		}
	}
	if err := Write(io.Discard, Stdout, make([]byte, MaxPayload+1)); err == nil {
		t.Error("a payload over MaxPayload was accepted")
	}
}
