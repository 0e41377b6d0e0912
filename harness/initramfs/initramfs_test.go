package initramfs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/u-root/u-root/pkg/cpio"
)

// write makes a file with content below dir.
func write(t *testing.T, dir, name, content string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
}

// file is what matters of a record.
type file struct {
	name    string
	mode    uint64
	content string
}

// overlay returns the archives of dirs, laid over a base.
func overlay(t *testing.T, base []cpio.Record, dirs ...string) ([]byte, error) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "initramfs"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := writeArchive(f, base); err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := Overlay(f, dirs...); err != nil {
		return nil, err
	}
	all, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if len(all)%4 != 0 {
		t.Errorf("%d bytes: the kernel wants what follows at a multiple of 4", len(all))
	}
	return all[info.Size():], nil
}

// mustOverlay is overlay for trees that nothing is wrong with.
func mustOverlay(t *testing.T, base []cpio.Record, dirs ...string) []byte {
	t.Helper()
	archive, err := overlay(t, base, dirs...)
	if err != nil {
		t.Fatal(err)
	}
	return archive
}

// files reads an archive.
func files(t *testing.T, archive []byte) (list []file) {
	t.Helper()
	records, err := cpio.ReadAllRecords(cpio.Newc.Reader(bytes.NewReader(archive)))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		var content []byte
		if r.FileSize > 0 {
			if content, err = io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize))); err != nil {
				t.Fatal(err)
			}
		}
		if r.UID != 0 || r.GID != 0 {
			t.Errorf("%s belongs to %d:%d, want root", r.Name, r.UID, r.GID)
		}
		list = append(list, file{r.Name, r.Mode, string(content)})
	}
	return list
}

func TestOverlayKeepsTheTree(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "bin/tool", "program", 0o755)
	write(t, dir, "etc/data", "x", 0o640)
	if err := os.Symlink("tool", filepath.Join(dir, "bin/link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(dir, dir+".link"); err != nil {
		t.Fatal(err)
	}
	want := []file{
		{"bin", cpio.S_IFDIR | 0o755, ""},
		{"bin/link", cpio.S_IFLNK | 0o777, "tool"},
		{"bin/tool", cpio.S_IFREG | 0o755, "program"},
		{"etc", cpio.S_IFDIR | 0o755, ""},
		{"etc/data", cpio.S_IFREG | 0o640, "x"},
	}
	for _, top := range []string{dir, dir + ".link"} {
		if got := files(t, mustOverlay(t, nil, top)); !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", top, got, want)
		}
	}
}

// TestOverlayLaterWins relies on the kernel, for which a file of a later archive replaces that of an earlier one.
func TestOverlayLaterWins(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	write(t, first, "tool", "first", 0o755)
	write(t, second, "tool", "second", 0o700)
	want := append(mustOverlay(t, nil, first), mustOverlay(t, nil, second)...)
	if got := mustOverlay(t, nil, first, second); !bytes.Equal(got, want) {
		t.Error("two trees are not two archives, one after the other")
	}
}

// TestOverlayKeepsTheBase lays trees over the guest's skeleton. The kernel puts a directory in a link's place, and drops a file for which
// there is a directory.
func TestOverlayKeepsTheBase(t *testing.T) {
	for _, tt := range []struct {
		name string
		make func(dir string)
		want []file
		err  string
	}{
		{"below a link and in a directory with other permissions", func(dir string) {
			write(t, dir, "sbin/tool", "x", 0o755)
			write(t, dir, "tmp/data", "y", 0o644)
		}, []file{{"sbin/tool", cpio.S_IFREG | 0o755, "x"}, {"tmp/data", cpio.S_IFREG | 0o644, "y"}}, ""},
		{"an empty directory for the guest's own mounts", func(dir string) { os.Mkdir(filepath.Join(dir, "proc"), 0o700) }, nil, ""},
		{"below a mount", func(dir string) { write(t, dir, "dev/shm/f", "", 0o644) }, nil, "dev/shm would be hidden"},
		{"a file for a directory", func(dir string) { write(t, dir, "tmp", "", 0o644) }, nil, "the guest has one there"},
		{"a file for a link to a directory", func(dir string) { write(t, dir, "sbin", "", 0o644) }, nil, "the guest has one there"},
		{"a link for a directory", func(dir string) { os.Symlink("/etc", filepath.Join(dir, "bin")) }, nil, "the guest has one there"},
	} {
		dir := t.TempDir()
		tt.make(dir)
		archive, err := overlay(t, skeleton(), dir)
		if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.err)
			continue
		}
		if err != nil {
			continue
		}
		if got := files(t, archive); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestKindsReadsAllArchives reads the base as Build makes it, of several archives.
func TestKindsReadsAllArchives(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "base"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, records := range [][]cpio.Record{skeleton(), nil, {cpio.StaticFile("odd", "12345", 0o644)}, {cpio.Directory("last", 0o755)}} {
		if err := writeArchive(f, records); err != nil {
			t.Fatal(err)
		}
	}
	all, err := kinds(f)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"bin": true, "sbin": true, "usr/sbin": true, "odd": false, "last": true, "missing": false} {
		if got := all.isDir(name); got != want {
			t.Errorf("%s is a directory: %v, want %v", name, got, want)
		}
	}
}

func TestOverlayOfNothing(t *testing.T) {
	if _, err := overlay(t, nil, filepath.Join(t.TempDir(), "missing")); err == nil {
		t.Error("a directory that is not there was accepted")
	}
}

func TestRefresh(t *testing.T) {
	path := filepath.Join(t.TempDir(), "archive")
	writes := 0
	refreshWith := func(key, content string, fail error) error {
		return refresh(path, key, func(w io.Writer) error {
			writes++
			if _, err := io.WriteString(w, content); err != nil {
				return err
			}
			return fail
		})
	}
	for _, step := range []struct {
		name, key, content string
		fail               error
		writes             int
		after              string
	}{
		{"first", "a", "one", nil, 1, "one"},
		{"same key", "a", "two", nil, 1, "one"},
		{"another key", "b", "two", nil, 2, "two"},
		{"fails", "c", "half", errors.New("disk full"), 3, "two"},
		{"old key after a failure", "b", "three", nil, 4, "three"},
	} {
		if err := refreshWith(step.key, step.content, step.fail); !errors.Is(err, step.fail) {
			t.Errorf("%s: error %v, want %v", step.name, err, step.fail)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if writes != step.writes || string(content) != step.after {
			t.Errorf("%s: written %d times, content %q; want %d times, %q", step.name, writes, content, step.writes, step.after)
		}
	}
	os.Remove(path)
	if err := refreshWith("b", "four", nil); err != nil || writes != 5 {
		t.Errorf("a file that has vanished: error %v, written %d times; want no error and 5", err, writes)
	}
	if left, _ := filepath.Glob(path + ".new"); left != nil {
		t.Errorf("%v is left", left)
	}
}

func TestHashFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a", "1", 0o644)
	write(t, dir, "b", "2", 0o644)
	hash := func(salt string, names ...string) string {
		h, err := hashFiles(dir, salt, names...)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	base := hash("x", "a", "b")
	if again := hash("x", "a", "b"); again != base {
		t.Error("the same files have two keys")
	}
	for name, other := range map[string]string{"salt": hash("y", "a", "b"), "fewer files": hash("x", "a"), "other order": hash("x", "b", "a")} {
		if other == base {
			t.Errorf("%s: the key is the same", name)
		}
	}
	write(t, dir, "b", "3", 0o644)
	if hash("x", "a", "b") == base {
		t.Error("other content, same key")
	}
	if _, err := hashFiles(dir, "x", "missing"); err == nil {
		t.Error("a missing file was accepted")
	}
}
