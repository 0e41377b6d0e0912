package initramfs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
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

// overlay returns the archives of dirs.
func overlay(t *testing.T, dirs ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := Overlay(&out, dirs...); err != nil {
		t.Fatal(err)
	}
	if out.Len()%4 != 0 {
		t.Errorf("%d bytes: the kernel wants what follows at a multiple of 4", out.Len())
	}
	return out.Bytes()
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
	want := []file{
		{"bin", cpio.S_IFDIR | 0o755, ""},
		{"bin/link", cpio.S_IFLNK | 0o777, "tool"},
		{"bin/tool", cpio.S_IFREG | 0o755, "program"},
		{"etc", cpio.S_IFDIR | 0o755, ""},
		{"etc/data", cpio.S_IFREG | 0o640, "x"},
	}
	if got := files(t, overlay(t, dir)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// TestOverlayLaterWins relies on the kernel, for which a file of a later archive replaces that of an earlier one.
func TestOverlayLaterWins(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	write(t, first, "tool", "first", 0o755)
	write(t, second, "tool", "second", 0o700)
	want := append(overlay(t, first), overlay(t, second)...)
	if got := overlay(t, first, second); !bytes.Equal(got, want) {
		t.Error("two trees are not two archives, one after the other")
	}
}

func TestOverlayOfNothing(t *testing.T) {
	if err := Overlay(io.Discard, filepath.Join(t.TempDir(), "missing")); err == nil {
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
