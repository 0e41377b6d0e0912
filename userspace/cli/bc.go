package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"gpc/userspace/containerfs"
)

// counters says what 'gpc bc' shows.
type counters struct {
	quiet, relative, recursive bool
	watch                      float64
	times                      int
	store                      string
	json                       bool
}

func bcCommand() *cobra.Command {
	var how counters
	cmd := &cobra.Command{
		Use:   "bc [-q] [-r] [-R] [-w SECONDS [-n TIMES]] [CONTAINER...]",
		Short: "Show the BeanCounters of containers",
		Long: `Show for each resource that subsystem bc counts what is held, the most that was, barrier and limit, and how often something was
refused. Without CONTAINER: those of all containers of bc's hierarchy but the root.

With -q only rows that ask for attention are shown: something was refused, or more than 80 % of the barrier is or was held.
With -r the last column tells how often something was refused since the last time that 'gpc bc -r' was run. It is kept in a file; the
kernel's own counts are not reset, as others may read them.`,
		Example: `  gpc bc /dev/container/jobs
  gpc bc -q
  gpc bc -qr -w 5`,
		ValidArgsFunction: completeContainers,
	}
	f := cmd.Flags()
	f.BoolVarP(&how.quiet, "quiet", "q", false, "show only rows near their barrier, or in which something was refused")
	f.BoolVarP(&how.relative, "relative", "r", false, "count what was refused since the last time")
	f.BoolVarP(&how.recursive, "recursive", "R", false, "show those of containers below, too")
	f.Float64VarP(&how.watch, "watch", "w", 0, "repeat it every so many `SECONDS`")
	f.IntVarP(&how.times, "iterations", "n", 0, "with -w: end after so many `TIMES`")
	f.StringVar(&how.store, "store", "", "with -r: the `FILE` that keeps the counts (default gpc/failcnt.json in the user's cache)")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		how.json = *asJSON
		if err := how.check(cmd); err != nil {
			return err
		}
		return how.run(cmd, args)
	}
	return cmd
}

// check finds flags that make no sense.
func (how *counters) check(cmd *cobra.Command) error {
	if cmd.Flags().Changed("watch") {
		if err := checkDelay("-w", how.watch); err != nil {
			return err
		}
	} else if how.times != 0 {
		return usagef("-n needs -w, which says how often the table is shown")
	}
	if how.times < 0 {
		return usagef("-n %d: give a number greater than 0", how.times)
	}
	if how.store != "" && !how.relative {
		return usagef("--store needs -r, which compares with what it keeps")
	}
	return nil
}

// checkDelay wants a number of seconds that can be waited for.
func checkDelay(flag string, seconds float64) error {
	if !(seconds >= 0.1 && seconds <= 86400) {
		return usagef("%s %g: give a number of seconds from 0.1 to 86400", flag, seconds)
	}
	return nil
}

// run shows the table once, or again and again.
func (how *counters) run(cmd *cobra.Command, args []string) error {
	out := cmd.OutOrStdout()
	seen, err := how.load()
	if err != nil {
		return err
	}
	documents := &jsonArray{out: out}
	repeated := how.watch > 0
	for i := 0; ; i++ {
		rows, err := how.rows(args, seen)
		if err != nil {
			return err
		}
		switch {
		case how.json && repeated:
			err = documents.add(map[string]any{"resources": rows})
		case how.json:
			err = printJSON(out, map[string]any{"resources": rows})
		default:
			err = how.print(out, rows, i)
		}
		if err != nil {
			return err
		}
		if err := how.save(seen); err != nil {
			return err
		}
		if !repeated || i+1 == how.times || !pause(cmd, how.watch) {
			break
		}
	}
	if how.json && repeated {
		return documents.end()
	}
	return nil
}

// pause shows what has been printed and waits. It returns false where the user wants no more.
func pause(cmd *cobra.Command, seconds float64) bool {
	if flush(cmd) != nil {
		return false // Main says so
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), time.Duration(seconds*float64(time.Second)))
	defer cancel()
	<-ctx.Done()
	return cmd.Context().Err() == nil
}

// bean is a row of the table, for JSON.
type bean struct {
	identity
	containerfs.Resource
	// Failed is FailCount, or with -r how much it has grown.
	Failed uint64 `json:"failed"`
}

// failCounts are the counts of refusals that were seen last, by container and resource.
type failCounts map[string]map[string]uint64

// rows returns what is to be shown, and remembers the counts in seen.
func (how *counters) rows(args []string, seen failCounts) ([]bean, error) {
	all, err := how.places(args)
	if err != nil {
		return nil, err
	}
	rows := []bean{}
	for _, p := range all {
		table, err := p.BC().Resources()
		if err != nil {
			if p.Exists() || len(args) > 0 && !how.recursive {
				return nil, err
			}
			continue
		}
		key := p.id.String()
		if seen[key] == nil {
			seen[key] = map[string]uint64{}
		}
		for _, r := range table {
			b := bean{p.id, r, r.FailCount}
			// A smaller count than last time is that of another container in the same place.
			if last := seen[key][r.Name]; how.relative && last <= r.FailCount {
				b.Failed = r.FailCount - last
			}
			seen[key][r.Name] = r.FailCount
			if !how.quiet || b.Failed > 0 || near(r) {
				rows = append(rows, b)
			}
		}
	}
	return rows, nil
}

// places returns the containers to show.
func (how *counters) places(args []string) ([]place, error) {
	if len(args) > 0 {
		return allPlaces(args, how.recursive)
	}
	h, err := containerfs.BySubsystem("bc")
	if err != nil {
		return nil, err
	}
	all, err := allPlaces([]string{h.Dir}, true)
	if err != nil {
		return nil, err
	}
	return all[1:], nil
}

// near tells whether a resource is, or was, near the barrier: more than 80 % of it.
func near(r containerfs.Resource) bool {
	return r.Barrier < containerfs.Unlimited && max(r.Held, r.MaxHeld) > r.Barrier/5*4+r.Barrier%5*4/5
}

// print prints the table; of several, with a blank line between.
func (how *counters) print(out io.Writer, rows []bean, i int) error {
	failed := "FAILED"
	if how.relative {
		failed = "NEW FAILED"
	}
	t := table{columns: columns("RESOURCE", ">HELD", ">MAXHELD", ">BARRIER", ">LIMIT", ">"+failed, "CONTAINER")}
	for _, r := range rows {
		t.add(r.Name, fmt.Sprint(r.Held), fmt.Sprint(r.MaxHeld), limit(r.Barrier), limit(r.Limit), fmt.Sprint(r.Failed), r.Path)
	}
	if i > 0 {
		fmt.Fprintln(out)
	}
	return t.print(out)
}

// storePath returns where the counts are kept between two runs.
func (how *counters) storePath() (string, error) {
	if how.store != "" {
		return how.store, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the counts: %w; --store names one", err)
	}
	return filepath.Join(cache, "gpc", "failcnt.json"), nil
}

// load returns the counts of the last run.
func (how *counters) load() (failCounts, error) {
	seen := failCounts{}
	if !how.relative {
		return seen, nil
	}
	path, err := how.storePath()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return seen, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &seen)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the counts of last time in %s: %w; remove it to begin anew", path, cause(err))
	}
	return seen, nil
}

// save keeps the counts for the next run. A file is there whole or not at all.
func (how *counters) save(seen failCounts) error {
	if !how.relative {
		return nil
	}
	path, err := how.storePath()
	if err != nil {
		return err
	}
	text, err := json.Marshal(seen)
	if err != nil {
		return err
	}
	if err := replaceFile(path, text); err != nil {
		return fmt.Errorf("cannot keep the counts in %s: %w", path, cause(err))
	}
	return nil
}

// replaceFile writes a file beside path and renames it to path when it is complete.
func replaceFile(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".failcnt-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
