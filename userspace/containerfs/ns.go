package containerfs

import (
	"fmt"
	"strconv"
	"strings"
)

// NS is what subsystem ns keeps for a container: the namespaces of the task that it was made for.
type NS struct{ subsystem }

// NS returns the container's namespaces.
func (c Container) NS() NS { return NS{subsystem{c, "ns"}} }

// Proxy returns the inode number of each kind of namespace, by its name in /proc/PID/ns. It is empty where no task is left;
// fs.ErrPermission tells that the caller may not see the task's.
func (n NS) Proxy() (map[string]uint64, error) { return parsed(n.subsystem, "proxy", parseProxy) }

// parseProxy parses lines such as "uts:[4026531838]".
func parseProxy(text string) (map[string]uint64, error) {
	all := map[string]uint64{}
	for line := range strings.Lines(text) {
		kind, number, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":[")
		number, closed := strings.CutSuffix(number, "]")
		inode, err := strconv.ParseUint(number, 10, 64)
		if !ok || !closed || err != nil {
			return nil, fmt.Errorf("line %q is not KIND:[INODE]", line)
		}
		all[kind] = inode
	}
	return all, nil
}
