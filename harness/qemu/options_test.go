package qemu

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

// render returns the arguments that options add.
func render(t *testing.T, options ...Option) []string {
	t.Helper()
	s := newSpec()
	t.Cleanup(s.closeOwn)
	t.Cleanup(s.closeInherited)
	for _, option := range options {
		if err := option(s); err != nil {
			t.Fatal(err)
		}
	}
	return s.args
}

func TestOptions(t *testing.T) {
	for _, tt := range []struct {
		name   string
		option Option
		want   string
	}{
		{"processors", Processors(3), "-smp 3"},
		{"memory", Memory(768), "-m 768M"},
		{"kernel", Kernel("/k/bzImage", "console=ttyS0 quiet"), "-kernel /k/bzImage -append console=ttyS0 quiet"},
		{"arguments as they are", Args("-icount", "shift=0,sleep=off"), "-icount shift=0,sleep=off"},
		{"a log with a comma in its name", ConsoleLog("/logs/a,b"), "-chardev file,id=console,path=/logs/a,,b -serial chardev:console"},
		{"a console", Console(), "-chardev socket,id=console,fd=3 -serial chardev:console"},
		{"a port", Port("agent"), "-device virtio-serial-pci -chardev socket,id=port0,fd=3 -device virtserialport,chardev=port0,name=agent"},
		{"a share", Share("s", "/a,b", false), "-fsdev local,id=s,security_model=none,multidevs=remap,path=/a,,b -device virtio-9p-pci,fsdev=s,mount_tag=s"},
		{"a share to be read", Share("s", "/a", true), "-fsdev local,id=s,security_model=none,multidevs=remap,readonly=on,path=/a -device virtio-9p-pci,fsdev=s,mount_tag=s"},
		{"disks", func(s *spec) error {
			for range 2 {
				f, err := os.CreateTemp(t.TempDir(), "")
				if err != nil {
					return err
				}
				if err := Disk(f)(s); err != nil {
					return err
				}
			}
			return nil
		}, "-blockdev driver=raw,node-name=disk0,cache.no-flush=on,discard=unmap,file.driver=file,file.locking=off,file.filename=/proc/self/fd/3 " +
			"-device virtio-blk-pci,drive=disk0 " +
			"-blockdev driver=raw,node-name=disk1,cache.no-flush=on,discard=unmap,file.driver=file,file.locking=off,file.filename=/proc/self/fd/4 " +
			"-device virtio-blk-pci,drive=disk1"},
		{"a debugger", GDB("/tmp/a,b"), "-chardev socket,id=gdb,server=on,wait=off,path=/tmp/a,,b -gdb chardev:gdb"},
		{"even nodes", NUMA(2, 4, 512), "-object memory-backend-ram,id=memory0,size=256M -numa node,nodeid=0,cpus=0-1,memdev=memory0 " +
			"-object memory-backend-ram,id=memory1,size=256M -numa node,nodeid=1,cpus=2-3,memdev=memory1"},
		{"uneven nodes", NUMA(2, 3, 512), "-object memory-backend-ram,id=memory0,size=256M -numa node,nodeid=0,cpus=0-0,memdev=memory0 " +
			"-object memory-backend-ram,id=memory1,size=256M -numa node,nodeid=1,cpus=1-2,memdev=memory1"},
	} {
		if got := strings.Join(render(t, tt.option), " "); got != tt.want {
			t.Errorf("%s: got\n\t%s\nwant\n\t%s", tt.name, got, tt.want)
		}
	}
}

func TestPortsAreKeptApart(t *testing.T) {
	s := newSpec()
	t.Cleanup(s.closeOwn)
	t.Cleanup(s.closeInherited)
	for _, name := range []string{"a", "b"} {
		if err := Port(name)(s); err != nil {
			t.Fatal(err)
		}
	}
	want := strings.Fields("-device virtio-serial-pci -chardev socket,id=port0,fd=3 -device virtserialport,chardev=port0,name=a" +
		" -chardev socket,id=port1,fd=4 -device virtserialport,chardev=port1,name=b")
	if !reflect.DeepEqual(s.args, want) {
		t.Errorf("got %q, want %q", s.args, want)
	}
	if s.ports["a"] == nil || s.ports["b"] == nil || s.ports["a"] == s.ports["b"] {
		t.Error("two ports do not have a connection each")
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int{"512": 512, "512M": 512, "768m": 768, "1G": 1024, "2g": 2048} {
		if got, err := ParseSize(text); got != want || err != nil {
			t.Errorf("%q: got %d, error %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "0G", "-1", "M", "1.5G", "12K", "a lot", "512MB", "99999999999", "4000000000G"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q passed for %d MiB", text, got)
		}
	}
}

func TestDebianPackage(t *testing.T) {
	for program, want := range map[string]string{"qemu-system-x86_64": "qemu-system-x86", "qemu-system-ppc64": "qemu-system-ppc"} {
		if got := debianPackage(program); got != want {
			t.Errorf("%s: %s, want %s", program, got, want)
		}
	}
}
