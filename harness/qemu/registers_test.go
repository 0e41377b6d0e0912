package qemu

import (
	"reflect"
	"testing"
)

const x86Sample = `
CPU#1
RAX=0000000000000000 RBX=ffff888003a3c000 RCX=0000000000000000 RDX=0000000000000000
RSI=0000000000000083 RDI=0000000000000001 RBP=ffffffff81c03e98 RSP=ffffc90000073ed0
R8 =0000000000000000 R9 =0000000000000000 R10=0000000000000000 R11=0000000000000000
R12=0000000000000000 R13=0000000000000000 R14=0000000000000000 R15=0000000000000000
RIP=ffffffff8157a0bf RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1
ES =0000 0000000000000000 00000000 00000000
`

const ppcSample = `NIP 00003fffb7d4c1a0   LR 00000000000583ac CTR 0000000000000000 XER 0000000000000000 CPU#2
MSR 800000000280f033 HID0 0000000000000000  HF 2a000006 iidx 6 didx 6
TB 00000000 1234567890 DECR 12345
GPR00 00000000000000dd 00003ffff0cadb48 000000000012eda0 0000000000000001
GPR04 0000000000000081 0000000000000001 0000000000000000 0000000000000000
`

func TestParseRegisters(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       Processor
		stack      uint64
	}{
		{"x86_64", x86Sample, Processor{PC: 0xffffffff8157a0bf, Halted: true}, 0xffffc90000073ed0},
		{"ppc64", ppcSample, Processor{PC: 0x3fffb7d4c1a0, Link: 0x583ac, User: true}, 0x3ffff0cadb48},
	} {
		if p, stack, err := parseRegisters(tt.text); err != nil || !reflect.DeepEqual(p, tt.want) || stack != tt.stack {
			t.Errorf("%s: %+v, stack %#x, error %v; want %+v, %#x", tt.name, p, stack, err, tt.want, tt.stack)
		}
	}
	if _, _, err := parseRegisters("R00=00000000"); err == nil {
		t.Error("registers of another machine passed")
	}
}

func TestParseWords(t *testing.T) {
	got := parseMemory("ffffc90000073ed0: 0x0000000000000001 0xffffffff81000010\nffffc90000073ee0: 0x0000000000000002\nCannot access memory\n")
	if want := []uint64{1, 0xffffffff81000010, 2}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %#x, want %#x", got, want)
	}
}
