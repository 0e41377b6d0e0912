package guest

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestTypeInto(t *testing.T) {
	for _, tt := range []struct {
		name, keys, typed string
		left              bool
	}{
		{"plain keys", "ls\r", "ls\r", false},
		{"leave", "ls\x01x", "ls", true},
		{"leave with a capital", "\x01Xls", "", true},
		{"the escape key itself", "a\x01\x01b", "a\x01b", false},
		{"an escape that means nothing", "a\x01cb", "acb", false},
		{"x after an escaped escape key", "\x01\x01x", "\x01x", false},
	} {
		for _, reader := range []io.Reader{strings.NewReader(tt.keys), iotest.OneByteReader(strings.NewReader(tt.keys))} {
			var console bytes.Buffer
			err := typeInto(&console, reader)
			if errors.Is(err, errLeft) != tt.left || !tt.left && err != io.EOF {
				t.Errorf("%s: %v", tt.name, err)
			}
			if console.String() != tt.typed {
				t.Errorf("%s: the console got %q, want %q", tt.name, &console, tt.typed)
			}
		}
	}
}
