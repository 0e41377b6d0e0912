package fuzz

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pretend is a machine with everything that has a model, and something that has none.
func pretend() Machine {
	m := Machine{CPUs: 4, Mems: 2}
	for name := range models {
		m.Subsystems = append(m.Subsystems, name)
	}
	slices.Sort(m.Subsystems)
	return m
}

// fake is a system that is a model itself, with something wrong in it.
type fake struct {
	model *Model
	wrong func(m *Model, o Op)
}

func (f *fake) Do(o Op) (Errno, error) {
	err := f.model.Apply(o)
	if f.wrong != nil {
		f.wrong(f.model, o)
	}
	return err, nil
}

func (f *fake) Await(_ time.Duration, check func(View) string) (string, error) {
	v := f.model.View()
	for key, text := range v {
		v[key] = strings.ReplaceAll(text, Any, "something")
	}
	return check(v), nil
}

func (f *fake) Reset() error {
	f.model = NewModel(f.model.machine)
	return nil
}

func TestModelAgreesWithItself(t *testing.T) {
	machine := pretend()
	for seed := range uint64(200) {
		ops := NewGenerator(seed, machine, "t").Sequence(machine, 100)
		if err := Run(&fake{model: NewModel(machine)}, machine, ops); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func TestGeneratorIsDeterministic(t *testing.T) {
	machine := pretend()
	once, again := NewGenerator(7, machine, "t").Sequence(machine, 300), NewGenerator(7, machine, "t").Sequence(machine, 300)
	if Format(once) != Format(again) {
		t.Error("a seed does not always make the same sequence")
	}
	if other := NewGenerator(8, machine, "t").Sequence(machine, 300); Format(once) == Format(other) {
		t.Error("two seeds make the same sequence")
	}
}

// Sequences must do all there is to do, and succeed and fail at it.
func TestSequencesReachEverything(t *testing.T) {
	machine := pretend()
	seen := map[string]bool{}
	refused := map[string]bool{}
	for seed := range uint64(300) {
		m := NewModel(machine)
		for _, o := range NewGenerator(seed, machine, "t").Sequence(machine, 100) {
			outcome := "fails"
			if err := m.Apply(o); err == 0 {
				outcome = "succeeds"
			} else {
				refused[o.Verb+" "+err.Error()] = true
			}
			seen[o.Verb+" "+outcome] = true
			seen[fmt.Sprintf("%v %s %s", o.User, o.Verb, outcome)] = true
			seen["released"] = seen["released"] || len(m.released) > 0
		}
	}
	for verb := range arguments {
		if !seen[verb+" succeeds"] {
			t.Errorf("%s never succeeds", verb)
		}
	}
	for _, event := range []string{"mount fails", "remount fails", "mkdir fails", "rmdir fails", "rename fails", "write fails", "move fails", "enter fails",
		"fork fails", "thread fails", "set fails", "released", "true mkdir succeeds", "true rmdir succeeds", "true rename succeeds", "true write succeeds",
		"true move succeeds", "true move fails"} {
		if !seen[event] {
			t.Errorf("never: %s", event)
		}
	}
	for verb, errnos := range map[string][]Errno{
		"mkdir": {syscall.EAGAIN, syscall.EEXIST, syscall.EINVAL, syscall.EACCES}, "move": {syscall.ESRCH, syscall.ENOSPC, syscall.EACCES},
		"write":  {syscall.EINVAL, syscall.E2BIG, syscall.EACCES, syscall.EBUSY, syscall.ENOSPC, syscall.ERANGE, syscall.EPERM, syscall.EOVERFLOW},
		"umount": {syscall.EPERM}, "rmdir": {syscall.EACCES, syscall.EBUSY},
		"rename": {syscall.EEXIST, syscall.EIO, syscall.EPERM, syscall.ENOTDIR}, "mount": {syscall.EBUSY, syscall.EINVAL, syscall.ENOENT},
	} {
		for _, errno := range errnos {
			if !refused[verb+" "+errno.Error()] {
				t.Errorf("%s never fails with %q", verb, errno.Error())
			}
		}
	}
}

func TestMatches(t *testing.T) {
	const a = Any
	for _, tt := range []struct {
		seen, want string
		matches    bool
	}{
		{"x", "x", true}, {"x", "y", false}, {"x\ny", a, true}, {"ax1\n", "a" + a + "1\n", true}, {"bx1\n", "a" + a + "1\n", false}, {"ax2\n", "a" + a + "1\n", false},
		{"ax1\nby2\n", "a" + a + "1\nb" + a + "2\n", true}, {"a\nx1\n", "a" + a + "1\n", false}, {"a 1 1 2\n", "a" + a + " 1 2\n", true}, {"a", "a" + a + "a", false},
	} {
		if got := matches(tt.seen, tt.want); got != tt.matches {
			t.Errorf("%q, %q: got %v", tt.seen, tt.want, got)
		}
	}
}

func TestParse(t *testing.T) {
	machine := pretend()
	for seed := range uint64(50) {
		text := Format(NewGenerator(seed, machine, "t").Sequence(machine, 100))
		ops, err := Parse(text)
		if err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if again := Format(ops); again != text {
			t.Fatalf("%s\nbecame\n%s", text, again)
		}
	}
	for _, text := range []string{"fly", "mkdir", "mkdir 0/a 0/b", `mkdir "0/a`} {
		if ops, err := Parse(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, ops)
		}
	}
}

// What goes wrong is found, and what is left of the sequence is what it takes.
func TestShrink(t *testing.T) {
	tests := []struct {
		name  string
		wrong func(m *Model, o Op)
		verbs []string // of the shortest sequence
	}{
		{"a container appears with the wrong flag", func(m *Model, o Op) {
			if o.Verb == "mkdir" {
				if at := m.find(o.Args[0]); at.dir != nil {
					at.dir.notifyOnRelease = true
				}
			}
		}, []string{"mount", "mkdir"}},
		{"a task that is moved stays", func(m *Model, o Op) {
			if t := m.tasks[o.Args[len(o.Args)-1]]; o.Verb == "move" && t != nil && !t.dead {
				h := m.points[o.Args[0][:1]]
				t.in[h] = h.root
			}
		}, []string{"mount", "mkdir", "fork", "move"}},
	}
	machine := pretend()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{NewModel(machine), tt.wrong}
			var found *Difference
			for seed := uint64(0); found == nil; seed++ {
				if seed == 20 {
					t.Fatal("it was not found")
				}
				errors.As(Run(f, machine, NewGenerator(seed, machine, "t").Sequence(machine, 100)), &found)
			}
			short := Shrink(f, machine, found, 300)
			var verbs []string
			for _, o := range short.Ops {
				verbs = append(verbs, o.Verb)
			}
			for _, verb := range tt.verbs {
				if !slices.Contains(verbs, verb) || len(verbs) > 2*len(tt.verbs) {
					t.Errorf("left of %d steps: %s", len(found.Ops), Format(short.Ops))
					break
				}
			}
			if !strings.Contains(short.Error(), "must be") {
				t.Errorf("nobody can tell what is wrong: %v", short)
			}
		})
	}
}
