//go:build guest

package guesttest

import (
	"testing"

	"golang.org/x/sys/unix"

	"gpc/userspace/containerfs"
)

// What the client reads of bc.resources is what the single files say, and gpc shows, copies and explains it.
func TestGpcBeanCounters(t *testing.T) {
	begin(t)
	h := beancounters(t)
	a, b := mkdir(t, h.Root(), "a"), mkdir(t, h.Root(), "b")
	bc := a.BC()
	must(t, bc.SetLimits("numfiles", 2, 3))
	must(t, bc.SetBarrier("privvmpages", 100000))
	p := puppetIn(t, a)
	p.mustOpen(t, 3)
	_, err := p.open()
	wantError(t, err, unix.EMFILE, "a file too many")

	table := got(bc.Resources())(t)
	if len(table) != len(resources) {
		t.Fatalf("%d resources: %+v", len(table), table)
	}
	for i, r := range resources {
		c := bcCounter(t, a, r.name)
		want := containerfs.Resource{Name: r.name, Held: c.held, MaxHeld: c.maxheld, Barrier: c.barrier, Limit: c.limit, FailCount: c.failcnt}
		if table[i] != want || got(bc.Resource(r.name))(t) != want {
			t.Errorf("row %d is %+v, want %+v", i, table[i], want)
		}
	}

	type row struct {
		containerfs.Resource
		Path   string
		Failed uint64
	}
	var shown struct{ Resources []row }
	gpcJSON(t, &shown, "bc -q")
	files := row{containerfs.Resource{Name: "numfiles", Held: 3, MaxHeld: 3, Barrier: 2, Limit: 3, FailCount: 1}, "/a", 1}
	if len(shown.Resources) != 1 || shown.Resources[0] != files {
		t.Errorf("gpc bc -q: %+v, want %+v", shown.Resources, files)
	}
	gpcJSON(t, &shown, "bc :/a :/b")
	if len(shown.Resources) != 2*len(resources) {
		t.Errorf("gpc bc of two containers: %+v", shown.Resources)
	}
	wantSteps(t,
		step{"set -r bc.numfiles.barrier=5:4 :/a", 1, "the barrier 5 would be above the limit 4"},
		step{"set -r bc.numfiles.barrier=4 :/a", 1, "the barrier 4 would be above the limit 3"},
		step{"set -r bc.numfiles.limit=1 :/a", 1, "the barrier 2 would be above the limit 1"},
		step{"set -r bc.numfiles.limit=x :/a", 1, "is not a number"},
		step{"set --copy-from :/a :/b", 0, ""},
	)
	wantCounter(t, b, "numfiles", counter{barrier: 2, limit: 3})
	wantCounter(t, b, "privvmpages", counter{barrier: 100000, limit: unlimited})

	p.Close()
	must(t, bc.ResetFailCount("numfiles"))
	must(t, bc.ResetHeld("numfiles"))
	wantCounter(t, a, "numfiles", counter{barrier: 2, limit: 3})
	if least := got(bc.MinHeld("numfiles"))(t); least != 0 {
		t.Errorf("the least held was %d", least)
	}
}
