//go:build guest

package guesttest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// unlimited is how a bound that nobody set is shown.
const unlimited = 1<<63 - 1

// resources are what bc counts, in its order, with the bounds of a new container.
var resources = []struct {
	name           string
	barrier, limit uint64
}{
	{"numtasks", unlimited, unlimited},
	{"numfiles", 256, 512},
	{"privvmpages", unlimited, unlimited},
}

// counter is all that bc tells of one resource in one container.
type counter struct{ held, maxheld, minheld, barrier, limit, failcnt uint64 }

// bcFile is the path of a counter's file.
func bcFile(resource, file string) string { return "bc." + resource + "." + file }

func bcValue(t testing.TB, c containerfs.Container, resource, file string) uint64 {
	t.Helper()
	return got(c.ReadUint(bcFile(resource, file)))(t)
}

func bcCounter(t testing.TB, c containerfs.Container, resource string) counter {
	t.Helper()
	value := func(file string) uint64 { return bcValue(t, c, resource, file) }
	return counter{value("held"), value("maxheld"), value("minheld"), value("barrier"), value("limit"), value("failcnt")}
}

// wantHeld fails the test unless that much is held. It is exact: nobody waits.
func wantHeld(t testing.TB, c containerfs.Container, resource string, want uint64) {
	t.Helper()
	if held := bcValue(t, c, resource, "held"); held != want {
		t.Errorf("%s holds %d %s, want %d", c.Path, held, resource, want)
	}
}

func wantCounter(t testing.TB, c containerfs.Container, resource string, want counter) {
	t.Helper()
	if now := bcCounter(t, c, resource); now != want {
		t.Errorf("%s of %s: %+v, want %+v", resource, c.Path, now, want)
	}
}

func setBounds(t testing.TB, c containerfs.Container, resource string, barrier, limit uint64) {
	t.Helper()
	must(t, c.Write(bcFile(resource, "barrier"), fmt.Sprintf("%d:%d", barrier, limit)))
}

func reset(t testing.TB, c containerfs.Container, resource, file string) {
	t.Helper()
	must(t, c.Write(bcFile(resource, file), "0"))
}

// beancounters mounts a hierarchy of bc, with others perhaps.
func beancounters(t *testing.T, others ...string) containerfs.Hierarchy {
	t.Helper()
	return mount(t, bound(append([]string{"bc"}, others...)...))
}

// wantNothingHeld waits until nothing is held in containers whose tasks have ended, or are about to.
func wantNothingHeld(t testing.TB, all ...containerfs.Container) {
	t.Helper()
	for _, c := range all {
		for _, r := range resources {
			last := uint64(0)
			if !within(patience, func() bool { last = bcValue(t, c, r.name, "held"); return last == 0 }) {
				t.Errorf("%s still holds %d %s", c.Path, last, r.name)
			}
		}
	}
}

func TestBCDefaults(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	b := mkdir(t, a, "b")
	want := map[string]os.FileMode{"bc.resources": 0o444}
	for _, r := range resources {
		wantCounter(t, a, r.name, counter{barrier: r.barrier, limit: r.limit})
		wantCounter(t, b, r.name, counter{barrier: r.barrier, limit: r.limit})
		root := bcCounter(t, h.Root(), r.name)
		if root.barrier != unlimited || root.limit != unlimited || root.failcnt != 0 || root.minheld != 0 {
			t.Errorf("%s of the root: %+v", r.name, root)
		}
		want[bcFile(r.name, "held")] = 0o444
		for _, file := range []string{"maxheld", "minheld", "failcnt", "barrier", "limit"} {
			want[bcFile(r.name, file)] = 0o644
		}
	}
	for name, mode := range want {
		if m := got(os.Stat(a.File(name)))(t).Mode(); m != mode {
			t.Errorf("mode of %s is %o, want %o", name, m, mode)
		}
		if text := string(got(os.ReadFile(a.File(name)))(t)); !strings.HasSuffix(text, "\n") {
			t.Errorf("%s does not end in a newline: %q", name, text)
		}
	}
	for _, e := range got(os.ReadDir(a.Dir()))(t) {
		if _, known := want[e.Name()]; !known && strings.HasPrefix(e.Name(), "bc.") {
			t.Errorf("a file more: %s", e.Name())
		}
	}
}

func TestBCBounds(t *testing.T) {
	begin(t)
	a := mkdir(t, beancounters(t).Root(), "a")
	write := func(file, text string) error { return a.Write(bcFile("numfiles", file), text) }
	wantBounds := func(barrier, limit uint64) {
		t.Helper()
		wantCounter(t, a, "numfiles", counter{barrier: barrier, limit: limit})
	}
	must(t, write("barrier", "100"))
	wantBounds(100, 512)
	must(t, write("limit", "100"))
	wantBounds(100, 100)
	must(t, write("limit", "0x20:0100")) // either file takes both
	wantBounds(32, 100)
	must(t, write("barrier", " 1000:2000\n"))
	wantBounds(1000, 2000)
	must(t, write("barrier", "0:0"))
	wantBounds(0, 0)
	must(t, write("barrier", fmt.Sprintf("%d:%d", unlimited, unlimited)))
	wantBounds(unlimited, unlimited)
	must(t, write("barrier", "7:9"))

	for _, text := range []string{"", "x", "-1", "10", "10:", ":10", "10:9", "8:7", "1:2:3", "1 2", "1: 2", "1 :2", "7:x", "x:9", "-1:9", "7:-1",
		"9223372036854775808", "7:9223372036854775808", "+7:9", "7:+9", "7\n:9", "7:\n9", "99999999999999999999", "7:99999999999999999999", "18446744073709551615",
		"18446744073709551615:18446744073709551615", "unlimited", "1.5", "7,9"} {
		wantError(t, write("barrier", text), unix.EINVAL, "barrier %q", text)
		if text != "10" {
			wantError(t, write("limit", text), unix.EINVAL, "limit %q", text)
		}
	}
	wantError(t, write("limit", "6"), unix.EINVAL, "a limit below the barrier")
	wantError(t, write("barrier", "7:"+strings.Repeat("0", 70)), unix.E2BIG, "a long text")
	wantBounds(7, 9)

	for _, file := range []string{"maxheld", "minheld", "failcnt"} {
		for _, text := range []string{"", "1", "-1", "x", "0:0"} {
			wantError(t, write(file, text), unix.EINVAL, "%q to %s", text, file)
		}
		must(t, write(file, "0"))
	}
	wantError(t, write("held", "0"), unix.EINVAL, "a write to held")
}

// One by one there is always an order in which two bounds cannot be set; as a pair they can.
func TestBCBoundsAsAPair(t *testing.T) {
	begin(t)
	a := mkdir(t, beancounters(t).Root(), "a")
	for _, pair := range [][2]uint64{{1000, 1000}, {1, 1}, {5000, 6000}, {2, 3}} {
		setBounds(t, a, "privvmpages", pair[0], pair[1])
		wantCounter(t, a, "privvmpages", counter{barrier: pair[0], limit: pair[1]})
		must(t, a.Write(bcFile("privvmpages", "limit"), fmt.Sprintf("%d:%d", pair[1], pair[1])))
		wantCounter(t, a, "privvmpages", counter{barrier: pair[1], limit: pair[1]})
	}
}

// bc.resources is what programs that read OpenVZ's files expect, and the same as the single files.
func TestBCResources(t *testing.T) {
	begin(t)
	a := mkdir(t, beancounters(t).Root(), "a")
	setBounds(t, a, "numfiles", 2, 3)
	p := puppetIn(t, a)
	p.mustOpen(t, 3)
	_, err := p.open()
	wantError(t, err, unix.EMFILE, "a file too many")
	text := string(got(os.ReadFile(a.File("bc.resources")))(t))
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) != len(resources) {
		t.Fatalf("bc.resources has %d rows: %q", len(lines), text)
	}
	for i, r := range resources {
		c := bcCounter(t, a, r.name)
		want := fmt.Sprintf("%10s%-24s", "", r.name)
		for _, n := range []uint64{c.held, c.maxheld, c.barrier, c.limit, c.failcnt} {
			want += fmt.Sprintf("%20d", n)
		}
		if lines[i] != want {
			t.Errorf("row %d: %q, want %q", i, lines[i], want)
		}
		fields := strings.Fields(lines[i])
		if len(fields) != 6 || !slices.Equal(fields, strings.Fields(want)) {
			t.Errorf("row %d as words: %q", i, fields)
		}
	}
	if files := bcCounter(t, a, "numfiles"); files != (counter{3, 3, 0, 2, 3, 1}) {
		t.Errorf("numfiles: %+v", files)
	}
}

// The extremes are those since they were reset, and only 0 resets them.
func TestBCResets(t *testing.T) {
	begin(t)
	a := mkdir(t, beancounters(t).Root(), "a")
	setBounds(t, a, "numfiles", 10, 10)
	p := puppetIn(t, a)
	fds := p.mustOpen(t, 10)
	for range 3 {
		_, err := p.open()
		wantError(t, err, unix.EMFILE, "a file too many")
	}
	p.mustClose(t, fds[4:]...)
	wantCounter(t, a, "numfiles", counter{4, 10, 0, 10, 10, 3})
	reset(t, a, "numfiles", "maxheld")
	wantCounter(t, a, "numfiles", counter{4, 4, 0, 10, 10, 3})
	reset(t, a, "numfiles", "minheld")
	wantCounter(t, a, "numfiles", counter{4, 4, 4, 10, 10, 3})
	reset(t, a, "numfiles", "failcnt")
	wantCounter(t, a, "numfiles", counter{4, 4, 4, 10, 10, 0})
	p.mustClose(t, fds[2:4]...)
	wantCounter(t, a, "numfiles", counter{2, 4, 2, 10, 10, 0})
	fds = append(fds[:2], p.mustOpen(t, 7)...)
	wantCounter(t, a, "numfiles", counter{9, 9, 2, 10, 10, 0})
	p.mustClose(t, fds[1:]...)
	wantCounter(t, a, "numfiles", counter{1, 9, 1, 10, 10, 0})
	p.mustClose(t, fds[:1]...)
	wantCounter(t, a, "numfiles", counter{0, 9, 0, 10, 10, 0})
	for range 3 { // what is at hand is no extreme
		p.mustClose(t, p.mustOpen(t, 5)...)
	}
	wantCounter(t, a, "numfiles", counter{0, 9, 0, 10, 10, 0})
	reset(t, a, "numfiles", "maxheld")
	p.mustClose(t, p.mustOpen(t, 5)...)
	wantCounter(t, a, "numfiles", counter{0, 5, 0, 10, 10, 0})
}

// A new hierarchy begins with a root as new.
func TestBCRootBeginsAnew(t *testing.T) {
	begin(t)
	h := beancounters(t)
	setBounds(t, h.Root(), "numfiles", 5000, 6000)
	must(t, h.Root().Write(bcFile("numfiles", "barrier"), "4000"))
	reset(t, h.Root(), "numtasks", "minheld")
	must(t, h.Unmount())
	h = beancounters(t)
	for _, r := range resources {
		c := bcCounter(t, h.Root(), r.name)
		if c.barrier != unlimited || c.limit != unlimited || c.minheld != 0 || c.failcnt != 0 {
			t.Errorf("%s of the new root: %+v", r.name, c)
		}
	}
}

// What is held in a container is held in all above.
func TestBCIsHierarchical(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	b := mkdir(t, a, "b")
	other := mkdir(t, a, "other")
	setBounds(t, a, "numfiles", 5, 5)
	p, q := puppetIn(t, b), puppetIn(t, other)
	fds := p.mustOpen(t, 3)
	q.mustOpen(t, 2)
	_, err := p.open()
	wantError(t, err, unix.EMFILE, "a file more than the parent may have")
	_, err = q.open()
	wantError(t, err, unix.EMFILE, "the same in the other child")
	wantCounter(t, a, "numfiles", counter{5, 5, 0, 5, 5, 2})
	wantCounter(t, b, "numfiles", counter{3, 3, 0, 256, 512, 0})
	wantCounter(t, other, "numfiles", counter{2, 2, 0, 256, 512, 0})
	p.mustClose(t, fds[0])
	q.mustOpen(t, 1)
	wantCounter(t, a, "numfiles", counter{5, 5, 0, 5, 5, 2})
	wantHeld(t, b, "numfiles", 2)
	wantHeld(t, other, "numfiles", 3)
	p.Close()
	q.Close()
	wantNothingHeld(t, a, b, other)
}

// A limit below what is held takes nothing away, and lets nothing more through.
func TestBCLoweredLimit(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	// To open the file of a bound must not be a new maximum of the root's: what is at hand would be collected for that already.
	q := puppetIn(t, h.Root())
	q.mustClose(t, q.mustOpen(t, 50)...)
	p := puppetIn(t, a)
	p.pinTo(t, 0)
	fds := p.mustOpen(t, 10)
	p.mustClose(t, p.mustOpen(t, 3)...) // and three are at hand
	setBounds(t, a, "numfiles", 5, 5)
	for i := range 6 {
		_, err := p.open()
		wantError(t, err, unix.EMFILE, "a file with %d held of 5", 10-i)
		p.mustClose(t, fds[i])
	}
	wantCounter(t, a, "numfiles", counter{4, 13, 0, 5, 5, 6})
	p.mustOpen(t, 1)
	_, err := p.open()
	wantError(t, err, unix.EMFILE, "a file too many")
	setBounds(t, a, "numfiles", 6, 6)
	p.mustOpen(t, 1)
	wantCounter(t, a, "numfiles", counter{6, 13, 0, 6, 6, 7})
}

// Other containers notice nothing of one at its limit.
func TestBCOthersAreUnaffected(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a, b := mkdir(t, h.Root(), "a"), mkdir(t, h.Root(), "b")
	setBounds(t, a, "numfiles", 2, 2)
	p, q := puppetIn(t, a), puppetIn(t, b)
	p.mustOpen(t, 2)
	for range 10 {
		_, err := p.open()
		wantError(t, err, unix.EMFILE, "a file too many")
		q.mustOpen(t, 1)
	}
	wantCounter(t, a, "numfiles", counter{2, 2, 0, 2, 2, 10})
	wantCounter(t, b, "numfiles", counter{10, 10, 0, 256, 512, 0})
}

// Who has no capabilities ends at the barrier, who has CAP_SYS_ADMIN at the limit.
func TestBCBarrierAndLimit(t *testing.T) {
	begin(t)
	a := mkdir(t, beancounters(t).Root(), "a")
	setBounds(t, a, "numfiles", 4, 6)
	p, privileged := puppetIn(t, a), puppetIn(t, a)
	p.dropPrivileges(t)
	p.mustOpen(t, 4)
	_, err := p.open()
	wantError(t, err, unix.EMFILE, "a file beyond the barrier")
	wantCounter(t, a, "numfiles", counter{4, 4, 0, 4, 6, 1})
	privileged.mustOpen(t, 2)
	_, err = privileged.open()
	wantError(t, err, unix.EMFILE, "a file beyond the limit")
	wantCounter(t, a, "numfiles", counter{6, 6, 0, 4, 6, 2})
	_, err = p.open()
	wantError(t, err, unix.EMFILE, "a file beyond both")
	wantCounter(t, a, "numfiles", counter{6, 6, 0, 4, 6, 3})
}

// What one CPU keeps at hand for a container is there for all of them, and for others below the same bound.
func TestBCWhatIsAtHandIsForAll(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	b, c := mkdir(t, a, "b"), mkdir(t, a, "c")
	setBounds(t, a, "numfiles", 10, 10)
	setBounds(t, c, "numfiles", 10, 10)
	p, q, r := puppetIn(t, b), puppetIn(t, b), puppetIn(t, c)
	p.pinTo(t, 0)
	q.pinTo(t, 1)
	r.pinTo(t, 2)
	for range 5 {
		for _, each := range []puppet{p, q, r} {
			fds := each.mustOpen(t, 10)
			_, err := each.open()
			wantError(t, err, unix.EMFILE, "a file too many")
			each.mustClose(t, fds...)
		}
		wantHeld(t, a, "numfiles", 0)
	}
	wantCounter(t, a, "numfiles", counter{0, 10, 0, 10, 10, 10})
	wantCounter(t, b, "numfiles", counter{0, 10, 0, 256, 512, 0})
	wantCounter(t, c, "numfiles", counter{0, 10, 0, 10, 10, 5})
}

// What somebody else keeps at hand neither counts for a maximum nor hides one.
func TestBCMaximumBesideWhatIsAtHand(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	b, c := mkdir(t, a, "b"), mkdir(t, a, "c")
	p, q := puppetIn(t, b), puppetIn(t, c)
	p.pinTo(t, 0)
	q.pinTo(t, 1)
	p.mustClose(t, p.mustOpen(t, 10)...)
	for _, files := range []int{5, 12} {
		q.mustClose(t, q.mustOpen(t, files)...)
	}
	wantCounter(t, a, "numfiles", counter{0, 12, 0, 256, 512, 0})
	wantCounter(t, b, "numfiles", counter{0, 10, 0, 256, 512, 0})
	wantCounter(t, c, "numfiles", counter{0, 12, 0, 256, 512, 0})
}

// Who is refused further above has held nothing meanwhile, though somebody beside it has something at hand.
func TestBCRefusedWasNeverHeld(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a := mkdir(t, h.Root(), "a")
	b, c := mkdir(t, a, "b"), mkdir(t, a, "c")
	setBounds(t, a, "numfiles", 10, 10)
	p, q := puppetIn(t, b), puppetIn(t, c)
	fds := p.mustOpen(t, 10)
	p.mustClose(t, fds[0])
	p.mustOpen(t, 1)
	_, err := q.open()
	wantError(t, err, unix.EMFILE, "a file too many")
	wantCounter(t, c, "numfiles", counter{0, 0, 0, 256, 512, 0})
	wantCounter(t, a, "numfiles", counter{10, 10, 0, 10, 10, 1})
}
