package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"gpc/userspace/containerfs"
)

func watchCommand() *cobra.Command {
	var untilEmpty bool
	cmd := &cobra.Command{
		Use:   "watch [--until-empty] CONTAINER...",
		Short: "Tell when containers become populated, empty, or are removed",
		Long: `Tell whether there is a live task in containers or below them, now and whenever that changes, until all of them have been removed.
With --until-empty it ends when each of them is empty or has been removed.`,
		Example: `  gpc watch /dev/container/jobs
  gpc watch --until-empty :/jobs && echo done`,
		Args:              atLeast(1, "a container"),
		ValidArgsFunction: completeContainers,
	}
	cmd.Flags().BoolVar(&untilEmpty, "until-empty", false, "end when the containers are empty")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return watch(cmd, args, untilEmpty, *asJSON) }
	return cmd
}

// The states of a container.
const (
	statePopulated = "populated"
	stateEmpty     = "empty"
	stateRemoved   = "removed"
)

// change of a container's state, for JSON; err is why there are no more.
type stateChange struct {
	identity
	State string `json:"state"`
	err   error
}

func watch(cmd *cobra.Command, args []string, untilEmpty, asJSON bool) error {
	all, err := places(args)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	changes := make(chan stateChange)
	for _, p := range all {
		go follow(ctx, p, changes, untilEmpty)
	}
	documents := &jsonArray{out: cmd.OutOrStdout()}
	for watched := len(all); watched > 0; {
		var c stateChange
		select {
		case c = <-changes:
		case <-ctx.Done():
			return orElse(documents.finish(asJSON), ctx.Err())
		}
		if c.err != nil && !errors.Is(c.err, errSeenEmpty) {
			return c.err
		}
		if c.State == stateRemoved || c.err != nil {
			watched--
		}
		if c.State == "" {
			continue
		}
		if asJSON {
			err = documents.add(c)
		} else {
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s %s\n", visible(c.identity.String()), c.State)
		}
		if err == nil {
			err = flush(cmd)
		}
		if err != nil {
			return err
		}
	}
	return documents.finish(asJSON)
}

// finish ends the document, if one is wanted.
func (a *jsonArray) finish(wanted bool) error {
	if !wanted {
		return nil
	}
	return a.end()
}

// errSeenEmpty ends the watching of a container that is empty.
var errSeenEmpty = errors.New("empty")

// follow sends the states of a container, and at last why there are no more.
func follow(ctx context.Context, p place, changes chan<- stateChange, untilEmpty bool) {
	send := func(c stateChange) {
		c.identity = p.id
		select {
		case changes <- c:
		case <-ctx.Done():
		}
	}
	err := p.Watch(ctx, func(populated bool) error {
		if populated {
			send(stateChange{State: statePopulated})
			return nil
		}
		send(stateChange{State: stateEmpty})
		if untilEmpty {
			return errSeenEmpty
		}
		return nil
	})
	if errors.Is(err, containerfs.ErrGone) {
		send(stateChange{State: stateRemoved})
		return
	}
	send(stateChange{err: err})
}
