//go:build initramfs

// Package images is the recipe of the guest's initramfs: its imports are the u-root commands that a shell user finds
// in /bin. It is never compiled; package initramfs reads it, and the import keeps each command's module in go.mod.
//
// The shell and what is not here come from busybox, as busybox.config says, in /usr/bin and so behind these. Where u-root's command does
// less (mount -o remount, ps, stty size, unshare, head -5, id -un, sort -k2, xargs -n1, df -h), or says by its status that all is well where it is not (grep that finds
// nothing), it is not here, and busybox's takes its place. So it is with what is started to be put into a container (sleep, yes): a Go program
// has threads, and each is a task.
package images

import (
	_ "github.com/u-root/u-root/cmds/core/basename"
	_ "github.com/u-root/u-root/cmds/core/cat"
	_ "github.com/u-root/u-root/cmds/core/chmod"
	_ "github.com/u-root/u-root/cmds/core/chroot"
	_ "github.com/u-root/u-root/cmds/core/cmp"
	_ "github.com/u-root/u-root/cmds/core/cp"
	_ "github.com/u-root/u-root/cmds/core/date"
	_ "github.com/u-root/u-root/cmds/core/dd"
	_ "github.com/u-root/u-root/cmds/core/dirname"
	_ "github.com/u-root/u-root/cmds/core/du"
	_ "github.com/u-root/u-root/cmds/core/echo"
	_ "github.com/u-root/u-root/cmds/core/false"
	_ "github.com/u-root/u-root/cmds/core/find"
	_ "github.com/u-root/u-root/cmds/core/hostname"
	_ "github.com/u-root/u-root/cmds/core/kill"
	_ "github.com/u-root/u-root/cmds/core/ln"
	_ "github.com/u-root/u-root/cmds/core/ls"
	_ "github.com/u-root/u-root/cmds/core/md5sum"
	_ "github.com/u-root/u-root/cmds/core/mkdir"
	_ "github.com/u-root/u-root/cmds/core/mkfifo"
	_ "github.com/u-root/u-root/cmds/core/mknod"
	_ "github.com/u-root/u-root/cmds/core/mktemp"
	_ "github.com/u-root/u-root/cmds/core/mv"
	_ "github.com/u-root/u-root/cmds/core/nohup"
	_ "github.com/u-root/u-root/cmds/core/pidof"
	_ "github.com/u-root/u-root/cmds/core/printenv"
	_ "github.com/u-root/u-root/cmds/core/pwd"
	_ "github.com/u-root/u-root/cmds/core/readlink"
	_ "github.com/u-root/u-root/cmds/core/realpath"
	_ "github.com/u-root/u-root/cmds/core/rm"
	_ "github.com/u-root/u-root/cmds/core/shutdown"
	_ "github.com/u-root/u-root/cmds/core/strings"
	_ "github.com/u-root/u-root/cmds/core/sync"
	_ "github.com/u-root/u-root/cmds/core/tee"
	_ "github.com/u-root/u-root/cmds/core/time"
	_ "github.com/u-root/u-root/cmds/core/timeout"
	_ "github.com/u-root/u-root/cmds/core/true"
	_ "github.com/u-root/u-root/cmds/core/uptime"
	_ "github.com/u-root/u-root/cmds/core/which"
)
