package machine

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
)

// Debugger returns the name of a gdb that knows the machine, or an error that says how to get one.
func (m *Machine) Debugger() (string, error) {
	const any = "gdb-multiarch"
	names := []string{any}
	if m.GOARCH == runtime.GOARCH {
		names = append(names, "gdb")
	}
	for _, name := range names {
		_, err := exec.LookPath(name)
		if err == nil {
			return name, nil
		}
		if !errors.Is(err, exec.ErrNotFound) {
			return "", err
		}
	}
	return "", fmt.Errorf("%s is not installed, without which no %s kernel can be debugged: on Debian, run `apt-get install %s`", any, m.Name, any)
}
