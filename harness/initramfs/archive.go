package initramfs

import (
	"io"
	"os"

	"github.com/u-root/u-root/pkg/cpio"
)

// writeArchive writes an archive of records.
func writeArchive(w io.Writer, records []cpio.Record) error {
	out := cpio.Newc.Writer(w)
	cpio.MakeAllReproducible(records)
	if err := cpio.WriteRecords(out, records); err != nil {
		return err
	}
	return cpio.WriteTrailer(out)
}

// program returns the record of an executable, to be read from the file at path when it is written.
func program(name, path string) (cpio.Record, error) {
	record, err := cpio.NewRecorder().GetRecord(path)
	if err != nil {
		return cpio.Record{}, err
	}
	record.Name = name
	record.Mode = cpio.S_IFREG | 0o755
	record.NLink = 1
	return record, nil
}

// concat copies files one after the other.
func concat(w io.Writer, paths ...string) error {
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, f)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
