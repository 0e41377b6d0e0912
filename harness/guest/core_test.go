package guest

import (
	"encoding/binary"
	"testing"
)

func TestNumberProcessors(t *testing.T) {
	note := func(kind uint32, size int) []byte {
		n := binary.BigEndian.AppendUint32(nil, 5)
		n = binary.BigEndian.AppendUint32(n, uint32(size))
		n = binary.BigEndian.AppendUint32(n, kind)
		n = append(n, "CORE\x00\x00\x00\x00"...)
		return append(n, make([]byte, (size+3)&^3)...)
	}
	first, other, second := note(ntPrStatus, 50), note(2, 41), note(ntPrStatus, 50)
	notes := append(append(append([]byte{}, first...), other...), second...)
	if err := numberProcessors(notes); err != nil {
		t.Fatal(err)
	}
	at := noteHeader + 8 + prStatusID
	if one, two := binary.BigEndian.Uint32(notes[at:]), binary.BigEndian.Uint32(notes[len(first)+len(other)+at:]); one != 1 || two != 2 {
		t.Errorf("the processors have the numbers %d and %d", one, two)
	}
	if got := notes[len(first) : len(first)+len(other)]; string(got) != string(other) {
		t.Errorf("another note has become %x", got)
	}
	if err := numberProcessors(notes[:len(notes)-1]); err == nil {
		t.Error("notes that are cut off were read")
	}
}
