package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Processor is what a processor of a stopped guest was about to do.
type Processor struct {
	// PC is the address of the next instruction, Link that of the one to return to where the architecture keeps that in a register, or 0.
	PC, Link uint64
	// User tells that it ran a program, Halted that it waited for an interrupt.
	User, Halted bool
	// Stack is what lies on top of the stack of a processor in the kernel.
	Stack []uint64
}

// answerTime is how long an emulator may take to answer. One that does not answer has no use for more patience.
const answerTime = 10 * time.Second

// stackWords is how much of a stack is read.
const stackWords = 512

// Processors stops the guest for good and returns what its processors were at.
func (vm *VM) Processors() ([]Processor, error) {
	if _, err := vm.ask("stop", nil); err != nil {
		return nil, err
	}
	reply, err := vm.ask("query-cpus-fast", nil)
	if err != nil {
		return nil, err
	}
	var cpus []struct {
		Index int `json:"cpu-index"`
	}
	if err := json.Unmarshal(reply, &cpus); err != nil {
		return nil, err
	}
	var all []Processor
	for _, cpu := range cpus {
		text, err := vm.human(cpu.Index, "info registers")
		if err != nil {
			return nil, err
		}
		p, stack, err := parseRegisters(text)
		if err != nil {
			return nil, err
		}
		if !p.User {
			// A stack pointer that leads nowhere is worth no error: the program counter says most.
			if text, err := vm.human(cpu.Index, fmt.Sprintf("x/%dgx %#x", stackWords, stack)); err == nil {
				p.Stack = parseMemory(text)
			}
		}
		all = append(all, p)
	}
	return all, nil
}

// human runs a command of the monitor for people, on one of the processors.
func (vm *VM) human(cpu int, line string) (string, error) {
	reply, err := vm.ask("human-monitor-command", map[string]any{"command-line": line, "cpu-index": cpu})
	if err != nil {
		return "", err
	}
	var text string
	return text, json.Unmarshal(reply, &text)
}

// ask runs a command of the monitor and returns what it returned.
func (vm *VM) ask(command string, arguments map[string]any) (json.RawMessage, error) {
	return vm.askFor(answerTime, command, arguments)
}

// askFor is ask for a command that may take longer, or less.
func (vm *VM) askFor(patience time.Duration, command string, arguments map[string]any) (json.RawMessage, error) {
	line, err := json.Marshal(struct {
		Execute   string         `json:"execute"`
		Arguments map[string]any `json:"arguments,omitempty"`
	}{command, arguments})
	if err != nil {
		return nil, err
	}
	type answer struct {
		text []byte
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := vm.monitor.Run(line)
		answers <- answer{text, err}
	}()
	select {
	case a := <-answers:
		var reply struct{ Return json.RawMessage }
		if a.err == nil {
			a.err = json.Unmarshal(a.text, &reply)
		}
		if a.err != nil {
			return nil, fmt.Errorf("the emulator's monitor, asked for %q: %w", command, a.err)
		}
		return reply.Return, nil
	case <-vm.done:
		return nil, errors.New("the emulator has ended")
	case <-time.After(patience):
		return nil, fmt.Errorf("the emulator's monitor has not answered to %q for %v", command, patience)
	}
}

// The registers of x86_64 and ppc64, as the monitor shows them.
var (
	x86Registers = regexp.MustCompile(`(?s)RSP=([0-9a-f]{16}).*RIP=([0-9a-f]{16}).* CPL=([0-3]) .*HLT=([01])`)
	ppcRegisters = regexp.MustCompile(`(?s)NIP ([0-9a-f]{16}) +LR ([0-9a-f]{16}).*MSR ([0-9a-f]{16}).*GPR00 [0-9a-f]{16} ([0-9a-f]{16})`)
)

// userMode is the bit of ppc64's MSR that is set while a program runs.
const userMode = 1 << 14

// parseRegisters reads a processor's registers and returns its stack pointer, too.
func parseRegisters(text string) (p Processor, stack uint64, err error) {
	if m := x86Registers.FindStringSubmatch(text); m != nil {
		stack, p.PC = hex(m[1]), hex(m[2])
		p.User, p.Halted = m[3] == "3", m[4] == "1"
		return p, stack, nil
	}
	if m := ppcRegisters.FindStringSubmatch(text); m != nil {
		p.PC, p.Link, stack = hex(m[1]), hex(m[2]), hex(m[4])
		p.User = hex(m[3])&userMode != 0
		return p, stack, nil
	}
	return p, 0, fmt.Errorf("these registers are of no known processor: %.100q", text)
}

// parseMemory reads words of memory: "ADDRESS: 0xWORD 0xWORD" in each line.
func parseMemory(text string) []uint64 {
	var words []uint64
	for line := range strings.Lines(text) {
		_, line, ok := strings.Cut(line, ": ")
		if !ok {
			return words
		}
		for _, word := range strings.Fields(line) {
			words = append(words, hex(strings.TrimPrefix(word, "0x")))
		}
	}
	return words
}

// hex reads digits that are known to be some.
func hex(digits string) uint64 {
	n, _ := strconv.ParseUint(digits, 16, 64)
	return n
}
