package guest_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gpc/harness/guest"
	"gpc/harness/kernel"
	"gpc/harness/machine"
)

// generous is a kernel with what guests have that are given more than a console. The tests share one, as it takes minutes to build.
var generous = kernel.Spec{Flavor: kernel.Release, More: []string{kernel.Share, kernel.Suite}}

// checks are what docs/laboratory.md promises the test suites of others, by the commands that succeed where it holds. Each begins in a
// directory of its own, in a shell that ends with the first that fails.
var checks = []struct{ name, commands string }{
	{"disks are there, as large as was asked for, and empty", `
		test -b /dev/vda; test -b /dev/vdb; test ! -e /dev/vdc
		test "$(cat /sys/block/vda/size)" = 131072; test "$(cat /sys/block/vdb/size)" = 16384
		test "$(tr -d '\000' </dev/vdb | wc -c)" = 0`},
	{"a filesystem is made on a disk, filled, and read again", `
		mkdir disk; mkfs.ext2 /dev/vda >/dev/null
		mount -t ext2 /dev/vda disk; echo kept >disk/file; dd if=/dev/zero of=disk/large bs=1M count=32 2>/dev/null; umount disk
		test ! -e disk/file
		mount -t ext4 /dev/vda disk; mountpoint disk; test "$(cat disk/file)" = kept; test "$(stat -c %s disk/large)" = 33554432
		(cd disk; suite attributes); umount disk`},
	{"a disk that is filled up says so", `
		not dd if=/dev/zero of=/dev/vdb bs=1M 2>said; grep -i 'no space left' said`},
	{"a file serves as a disk", `
		dd if=/dev/zero of=image bs=1M count=4 2>/dev/null; loop=$(losetup -f); losetup $loop image; losetup -a | grep "^$loop:"
		mkfs.ext2 $loop >/dev/null; mkdir mounted; mount $loop mounted; echo kept >mounted/file; umount mounted; losetup -d $loop
		mount -o loop image mounted; test "$(cat mounted/file)" = kept; umount mounted; test -z "$(losetup -a)"`},
	{"users and groups", `
		for user in root daemon bin sys nobody; do id -u $user; done
		test "$(su -s /bin/sh nobody -c 'id -un; id -gn')" = "$(printf 'nobody\nnogroup')"
		su -s /bin/sh nobody -c 'echo x >/tmp/by-nobody; echo x >/dev/shm/by-nobody'
		not su -s /bin/sh nobody -c 'echo x >/etc/by-nobody'
		test "$(stat -c %U /tmp/by-nobody /dev/shm/by-nobody)" = "$(printf 'nobody\nnobody')"
		test -s /etc/nsswitch.conf`},
	{"commands", `
		for command in sh ps awk mountpoint losetup mkfs.ext2 env timeout; do command -v $command; done
		ps -o pid,comm | awk '$1 == '$$' { found = 1 } END { exit !found }'`},
	{"commands where u-root's come first", `
		PATH=/bin:/usr/bin; echo x | grep x; not grep nonesuch /etc/passwd; test "$(id -un)" = root; test "$(printf '1\n2\n3\n' | head -2 | tail -1)" = 2
		test "$(printf 'b 1\na 2\n' | sort -k2 -rn | head -1)" = 'a 2'; test "$(printf 'a b' | xargs -n1 | wc -l)" = 2; test "$(seq -s, 3)" = 1,2,3
		df -h; test "$(printf 'a-b' | tr -dc a-z)" = ab; not tty -s </dev/null; printf x | hexdump -C; uname -rm`},
	{"a terminal, and job control on it", `suite jobs`},
	{"message queues", `suite queue; mkdir queues; mount -t mqueue mqueue queues; test -z "$(ls queues)"; umount queues`},
	{"a network of one machine", `suite network; ifconfig lo | grep 'inet addr:127.0.0.1'`},
	{"events, keys and filters", `suite events`},
	{"what the kernel tells of itself and its tasks", `
		zcat /proc/config.gz | grep '^CONFIG_VIRTIO_BLK=y'; cat /proc/self/io /proc/$$/task/$$/children /proc/schedstat; head -c 8 /proc/self/pagemap
		mountpoint /sys/kernel/debug; mkdir huge; mount -t hugetlbfs hugetlbfs huge; umount huge`},
	{"no hierarchy is mounted", `
		not grep ' container ' /proc/mounts; test ! -e /dev/container; grep 'hierarchy=0' /proc/containers; not grep 'hierarchy=[1-9]' /proc/containers`},
}

// TestDisks gives guests disks and the kernel that goes with them, and nothing mounted.
func TestDisks(t *testing.T) {
	for _, m := range machine.All() {
		t.Run(m.Name, func(t *testing.T) {
			c := specified(t, m, generous)
			c.Disks, c.Bare, c.Files = []string{"64M", "8M"}, true, []string{suiteFor(t, m)}
			var b strings.Builder
			b.WriteString("PATH=/usr/bin:/bin\n")
			b.WriteString("not() { if \"$@\"; then return 1; fi; }\n") // a shell does not end with what fails behind a !
			for n, check := range checks {
				fmt.Fprintf(&b, "mkdir /tmp/%d; cd /tmp/%d\n(set -ex\n%s\n) >/tmp/said 2>&1\n", n, n, check.commands)
				b.WriteString("if test $? = 0; then echo ok; else echo 'not ok:'; cat /tmp/said; fi; echo end\n")
			}
			_, stdout, stderr := run(t, c, script(b.String()))
			answers := strings.Split(stdout, "end\n")
			if len(answers) != len(checks)+1 {
				t.Fatalf("%d answers to %d questions: %q, error output %q", len(answers)-1, len(checks), stdout, stderr)
			}
			for n, check := range checks {
				if answers[n] != "ok\n" {
					t.Errorf("%s: %s", check.name, answers[n])
				}
			}
		})
	}
}

// suiteFor compiles the program that asks for what commands cannot, in a directory to be laid over a guest's root.
func suiteFor(t *testing.T, m *machine.Machine) string {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "bin", "suite"), "./testdata/suite")
	cmd.Env = append(cmd.Environ(), m.GoEnv()...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// TestDiskNeedsItsOptions asks for a disk in a kernel without any.
func TestDiskNeedsItsOptions(t *testing.T) {
	c := config(t, machine.All()[0])
	c.Disks = []string{"1M"}
	if _, err := guest.Run(t.Context(), c, script("true")); err == nil || !strings.Contains(err.Error(), "CONFIG_VIRTIO_BLK=y") {
		t.Errorf("error %v, want one that names the options", err)
	}
}
