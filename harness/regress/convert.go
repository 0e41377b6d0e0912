package regress

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

// convert reads what a test binary prints with -test.v=test2json, and calls sink with each event as soon as it is complete. name is the
// package's name in the events. It reads text to its end, even after an error.
func convert(ctx context.Context, name string, text io.Reader, sink func(Event)) error {
	defer io.Copy(io.Discard, text)
	cmd := exec.CommandContext(ctx, "go", "tool", "test2json", "-t", "-p", name)
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = text, &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	decodeErr := decode(stdout, sink)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("go tool test2json: %w\n%s", err, stderr.Bytes())
	}
	return decodeErr
}

func decode(stream io.Reader, sink func(Event)) error {
	for d := json.NewDecoder(stream); ; {
		var e Event
		if err := d.Decode(&e); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			io.Copy(io.Discard, stream)
			return fmt.Errorf("an event of the tests: %w", err)
		}
		sink(e)
	}
}
