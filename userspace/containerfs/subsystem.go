package containerfs

import "golang.org/x/sys/unix"

// subsystem is what the types of single subsystems have in common: a container, and how the names of the files begin.
type subsystem struct {
	container Container
	name      string
}

// file returns the name of a subsystem's file in the container: with the subsystem's in front, unless the hierarchy was mounted
// with noprefix.
func (s subsystem) file(name string) string {
	prefixed := s.name + "." + name
	if !s.container.hasFile(prefixed) && s.container.hasFile(name) {
		return name
	}
	return prefixed
}

// hasFile tells whether there is a file of that name in the container.
func (c Container) hasFile(name string) bool {
	f, err := c.openFile(name, unix.O_PATH)
	if err == nil {
		f.Close()
	}
	return err == nil
}

func (s subsystem) read(name string) (string, error) { return s.container.ReadString(s.file(name)) }

func (s subsystem) readUint(name string) (uint64, error) { return s.container.ReadUint(s.file(name)) }

func (s subsystem) write(name, text string) error { return s.container.Write(s.file(name), text+"\n") }

// parsed returns what parse makes of a file's content.
func parsed[T any](s subsystem, name string, parse func(string) (T, error)) (T, error) {
	text, err := s.read(name)
	if err != nil {
		var none T
		return none, err
	}
	v, err := parse(text)
	if err != nil {
		return v, s.container.unreadable(s.file(name), err)
	}
	return v, nil
}
