package wire

import (
	"bytes"
	"encoding/json"
	"io"
	"reflect"
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

func TestJobKeepsEveryField(t *testing.T) {
	job := Job{Argv: []string{"sh", "-c", "exit 3"}, Env: []string{"A=b"}, Dir: "/tmp", Stdin: true, Terminal: &Size{Rows: 24, Cols: 80}, Bare: true}
	var pipe bytes.Buffer
	if err := WriteJSON(&pipe, Start, job); err != nil {
		t.Fatal(err)
	}
	_, payload, err := Read(&pipe)
	if err != nil {
		t.Fatal(err)
	}
	var got Job
	if err := json.Unmarshal(payload, &got); err != nil || !reflect.DeepEqual(got, job) {
		t.Errorf("got %+v, error %v; want %+v", got, err, job)
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
