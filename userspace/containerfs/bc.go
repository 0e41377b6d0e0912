package containerfs

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// BC is what subsystem bc, the BeanCounters, keeps for a container: for several resources how much is held, and how much may be.
type BC struct{ subsystem }

// BC returns the container's BeanCounters.
func (c Container) BC() BC { return BC{subsystem{c, "bc"}} }

// Unlimited is a barrier or limit that nothing reaches, the largest that the kernel takes.
const Unlimited = math.MaxInt64

// Resource is a row of the table: a resource, what is held of it here and below, and what may be.
type Resource struct {
	Name    string `json:"name"`
	Held    uint64 `json:"held"`
	MaxHeld uint64 `json:"maxheld"`
	// Barrier is where the kernel begins to refuse what a program can be refused gracefully.
	Barrier uint64 `json:"barrier"`
	// Limit is never exceeded but by what cannot be refused.
	Limit uint64 `json:"limit"`
	// FailCount is how often something was refused. Compare it with what it was before, rather than reset it.
	FailCount uint64 `json:"failcnt"`
}

// Resources returns the table of all resources that the kernel counts, each row as of one moment.
func (b BC) Resources() ([]Resource, error) { return parsed(b.subsystem, "resources", parseResources) }

// parseResources parses the table: rows of a name and five numbers, whatever headings there are.
func parseResources(text string) ([]Resource, error) {
	var all []Resource
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 6 || fields[1] == "held" {
			continue
		}
		r := Resource{Name: fields[0]}
		for i, to := range []*uint64{&r.Held, &r.MaxHeld, &r.Barrier, &r.Limit, &r.FailCount} {
			n, err := strconv.ParseUint(fields[i+1], 10, 64)
			if err != nil {
				return nil, fmt.Errorf("line %q: %w", line, err)
			}
			*to = n
		}
		all = append(all, r)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%q is no table of resources", text)
	}
	return all, nil
}

// Resource returns one row of the table.
func (b BC) Resource(name string) (Resource, error) {
	all, err := b.Resources()
	if err != nil {
		return Resource{}, err
	}
	i := slices.IndexFunc(all, func(r Resource) bool { return r.Name == name })
	if i < 0 {
		return Resource{}, fail("find resource "+name+" in", b.container.Dir(), unix.ENOENT)
	}
	return all[i], nil
}

// MinHeld returns the least that was held of a resource since Reset.
func (b BC) MinHeld(resource string) (uint64, error) { return b.readUint(resource + ".minheld") }

// SetLimits sets barrier and limit of a resource in one step.
func (b BC) SetLimits(resource string, barrier, limit uint64) error {
	return b.write(resource+".barrier", fmt.Sprintf("%d:%d", barrier, limit))
}

// SetBarrier sets the barrier of a resource, which must not exceed the limit.
func (b BC) SetBarrier(resource string, barrier uint64) error {
	return b.write(resource+".barrier", strconv.FormatUint(barrier, 10))
}

// SetLimit sets the limit of a resource, which must not be below the barrier.
func (b BC) SetLimit(resource string, limit uint64) error {
	return b.write(resource+".limit", strconv.FormatUint(limit, 10))
}

// ResetHeld has MaxHeld and MinHeld of a resource begin anew from what is held.
func (b BC) ResetHeld(resource string) error {
	if err := b.write(resource+".maxheld", "0"); err != nil {
		return err
	}
	return b.write(resource+".minheld", "0")
}

// ResetFailCount sets the count of refusals of a resource to 0. Other readers compare with what it was; think of them.
func (b BC) ResetFailCount(resource string) error { return b.write(resource+".failcnt", "0") }

// whyRefused finds out why a barrier or limit was not taken.
func (b BC) whyRefused(e *Error, file, text string) error {
	resource, which, _ := strings.Cut(file, ".")
	if e.Err != unix.EINVAL || which != "barrier" && which != "limit" {
		return nil
	}
	barrier, limit, both := strings.Cut(text, ":")
	if !both {
		now, err := b.Resource(resource)
		if err != nil {
			return nil
		}
		barrier, limit = text, strconv.FormatUint(now.Limit, 10)
		if which == "limit" {
			barrier, limit = strconv.FormatUint(now.Barrier, 10), text
		}
	}
	var numbers [2]uint64
	for i, word := range []string{barrier, limit} {
		n, err := strconv.ParseUint(strings.TrimSpace(word), 0, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", word)
		}
		if n > Unlimited {
			return fmt.Errorf("%s is more than there can be; the largest number is %d", word, uint64(Unlimited))
		}
		numbers[i] = n
	}
	if numbers[0] > numbers[1] {
		return fmt.Errorf("the barrier %d would be above the limit %d; %d:%d sets both in one step", numbers[0], numbers[1],
			min(numbers[0], numbers[1]), max(numbers[0], numbers[1]))
	}
	return nil
}
