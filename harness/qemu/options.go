package qemu

import (
	"fmt"
	"net"
	"os"
	"strconv"
)

// Option adds a part to the description of a virtual machine.
type Option func(*spec) error

// spec is a virtual machine before it is started.
type spec struct {
	args      []string
	inherited []*os.File // what the emulator gets beside its standard files, from descriptor 3 on
	ports     map[string]net.Conn
	disks     int
	console   net.Conn

	prepare []func(pid int) error // what is done to the emulator, with all its threads, before the guest runs
	held    bool                  // a debugger lets the guest run, not we
}

func newSpec() *spec { return &spec{ports: make(map[string]net.Conn)} }

// add adds arguments.
func (s *spec) add(args ...string) { s.args = append(s.args, args...) }

// inherit hands f to the emulator, and returns the descriptor by which it knows it. f is closed when that is done.
func (s *spec) inherit(f *os.File) string {
	s.inherited = append(s.inherited, f)
	return strconv.Itoa(2 + len(s.inherited))
}

// closeInherited closes our copies of what the emulator gets.
func (s *spec) closeInherited() {
	for _, f := range s.inherited {
		f.Close()
	}
	s.inherited = nil
}

// closeOwn closes our ends of the connections, for a machine that does not come to be.
func (s *spec) closeOwn() {
	for _, conn := range s.ports {
		conn.Close()
	}
	if s.console != nil {
		s.console.Close()
	}
}

// basics is an empty machine that starts stopped, and stops instead of going away. A guest that panics goes on: a
// kernel may tell the host before all that it says about its panic is on the console.
func basics(s *spec) error {
	s.add("-no-user-config", "-nodefaults", "-display", "none", "-S",
		"-action", "panic=none,shutdown=pause,reboot=shutdown")
	return nil
}

// Args adds arguments as they are.
func Args(args ...string) Option {
	return func(s *spec) error {
		s.add(args...)
		return nil
	}
}

// Processors gives the machine n processors, the cores of one socket.
func Processors(n int) Option { return Args("-smp", strconv.Itoa(n)) }

// Sockets gives the machine n processors with a socket for each.
func Sockets(n int) Option { return Args("-smp", fmt.Sprintf("%d,sockets=%d,cores=1,threads=1", n, n)) }

// Memory gives the machine that many MiB of memory.
func Memory(mib int) Option { return Args("-m", fmt.Sprintf("%dM", mib)) }

// NUMA splits processors and memory (in MiB) evenly over nodes. The memory must be a multiple of the nodes, and there
// must be a processor for each.
func NUMA(nodes, processors, mib int) Option {
	return func(s *spec) error {
		for i := range nodes {
			first, last := i*processors/nodes, (i+1)*processors/nodes-1
			s.add("-object", fmt.Sprintf("memory-backend-ram,id=memory%d,size=%dM", i, mib/nodes))
			s.add("-numa", fmt.Sprintf("node,nodeid=%d,cpus=%d-%d,memdev=memory%d", i, first, last, i))
		}
		return nil
	}
}

// Kernel boots the kernel at path with a command line.
func Kernel(path, commandLine string) Option { return Args("-kernel", path, "-append", commandLine) }

// Initramfs gives the kernel the archive in f, which may have no name any more. Starting the machine closes f.
func Initramfs(f *os.File) Option {
	return func(s *spec) error {
		s.add("-initrd", "/proc/self/fd/"+s.inherit(f))
		return nil
	}
}

// Disk gives the machine a disk with the content of f, which may have no name any more. What the guest wants to be on the medium for good need
// not get there: the disk ends with the machine. Starting the machine closes f.
func Disk(f *os.File) Option {
	return func(s *spec) error {
		id := fmt.Sprintf("disk%d", s.disks)
		s.disks++
		s.add("-blockdev", "driver=raw,node-name="+id+",cache.no-flush=on,discard=unmap,file.driver=file,file.locking=off,"+
			"file.filename=/proc/self/fd/"+s.inherit(f), "-device", "virtio-blk-pci,drive="+id)
		return nil
	}
}

// ConsoleLog writes everything that the guest's serial console shows to the file at path.
func ConsoleLog(path string) Option {
	return Args("-chardev", "file,id=console,path="+escape(path), "-serial", "chardev:console")
}

// Console connects the guest's serial console to VM.Console. A log is the reader's to keep: QEMU's own would hold some
// characters twice whenever the reader is slow.
func Console() Option {
	return func(s *spec) error {
		ours, fd, err := s.connection()
		if err != nil {
			return err
		}
		s.console = ours
		s.add("-chardev", "socket,id=console,fd="+fd, "-serial", "chardev:console")
		return nil
	}
}

// Share gives the machine a directory of the host's, which the guest mounts as 9p by its tag. Filesystems that are mounted in the directory
// belong to it, too.
func Share(tag, dir string, readOnly bool) Option {
	access := ""
	if readOnly {
		access = ",readonly=on"
	}
	return Args("-fsdev", "local,id="+tag+",security_model=none,multidevs=remap"+access+",path="+escape(dir),
		"-device", "virtio-9p-pci,fsdev="+tag+",mount_tag="+tag)
}

// GDB lets gdb connect to the machine through a socket at path. The guest does not begin before gdb lets it.
func GDB(path string) Option {
	return func(s *spec) error {
		s.held = true
		s.add("-chardev", "socket,id=gdb,server=on,wait=off,path="+escape(path), "-gdb", "chardev:gdb")
		return nil
	}
}

// Port gives the machine a virtio-serial port with that name, connected to VM.Port.
func Port(name string) Option {
	return func(s *spec) error {
		ours, fd, err := s.connection()
		if err != nil {
			return err
		}
		if len(s.ports) == 0 {
			s.add("-device", "virtio-serial-pci")
		}
		id := fmt.Sprintf("port%d", len(s.ports))
		s.ports[name] = ours
		s.add("-chardev", "socket,id="+id+",fd="+fd, "-device", "virtserialport,chardev="+id+",name="+escape(name))
		return nil
	}
}
