package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// jsonFlag gives a command that prints data its flag --json.
func jsonFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print one JSON document")
}

// printJSON prints a document.
func printJSON(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// jsonArray prints a document whose elements come one after the other.
type jsonArray struct {
	out   io.Writer
	begun bool
}

func (a *jsonArray) add(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	separator := ",\n"
	if !a.begun {
		separator = "[\n"
	}
	a.begun = true
	_, err = fmt.Fprintf(a.out, "%s%s", separator, text)
	return err
}

func (a *jsonArray) end() error {
	text := "\n]\n"
	if !a.begun {
		text = "[]\n"
	}
	_, err := io.WriteString(a.out, text)
	return err
}

// list returns v, or an empty list: a document has no null in the place of one.
func list[T any](v []T) []T {
	if v == nil {
		return []T{}
	}
	return v
}

// visible shows characters that a terminal would act upon, in names that anybody may have given, as escapes.
func visible(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch _, size := utf8.DecodeRuneInString(s[i:]); {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case hidden(r) && r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		case hidden(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool { return !unicode.IsPrint(r) }

// table is lines of cells in columns.
type table struct {
	columns []column
	rows    [][]string
}

// column is a heading, and whether what is below stands to the right.
type column struct {
	title string
	right bool
}

// columns returns headings. A ">" in front has the column stand to the right.
func columns(titles ...string) []column {
	var all []column
	for _, title := range titles {
		name, right := strings.CutPrefix(title, ">")
		all = append(all, column{name, right})
	}
	return all
}

// add adds a row, with a cell for each column.
func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// lines returns the table's text, a string a line, the headings first.
func (t *table) lines() []string {
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
	}
	rows := append([][]string{titles}, t.rows...)
	widths := make([]int, len(t.columns))
	for _, row := range rows {
		for i := range row {
			row[i] = visible(row[i])
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	var lines []string
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				b.WriteString("  ")
			}
			if t.columns[i].right {
				b.WriteString(pad + cell)
			} else {
				b.WriteString(cell + pad)
			}
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// print prints the table.
func (t *table) print(out io.Writer) error {
	_, err := io.WriteString(out, strings.Join(t.lines(), "\n")+"\n")
	return err
}

// orDash is a cell that may have nothing in it.
func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// numberOrDash is a cell for a figure that need not be known.
func numberOrDash(n *uint64) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprint(*n)
}

// duration is CPU time for people: 1.204s, 2m03.1s, 5h12m.
func duration(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.3fs", d.Seconds())
	case d < time.Hour:
		return fmt.Sprintf("%dm%04.1fs", int(d.Minutes()), (d % time.Minute).Truncate(100*time.Millisecond).Seconds())
	default:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int((d % time.Hour).Minutes()))
	}
}
