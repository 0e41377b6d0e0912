package containerfs_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os/exec"
	"time"

	"gpc/userspace/containerfs"
)

// A job is put into a container of its own, limited and measured, and ended with all that it has started.
func Example() {
	h, err := containerfs.BySubsystem("numtasks")
	if err != nil {
		log.Fatal(err)
	}
	job := h.Container("/job")
	if err := job.Create(); err != nil {
		log.Fatal(err)
	}
	// At most half of the tasks that there are.
	err = job.Numtasks().SetShares(containerfs.Shares{Min: containerfs.Unchanged, Max: 50, ChildDivisor: containerfs.Unchanged})
	if err != nil {
		log.Fatal(err)
	}
	if err := job.Start(exec.Command("make", "-j4")); err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := job.WaitEmpty(ctx); err != nil {
		log.Print("it takes too long: ", err)
	}
	if err := job.KillAndRemoveAll(context.Background()); err != nil {
		log.Fatal(err)
	}
}

// Errors can be asked what they are about.
func ExampleContainer_Remove() {
	c, err := containerfs.ByDir("/dev/container/jobs")
	if err != nil {
		log.Fatal(err)
	}
	err = c.Remove()
	var busy *containerfs.Busy
	if errors.As(err, &busy) {
		fmt.Println("used by", len(busy.Tasks), "tasks and", len(busy.Children), "containers")
	}
	if errors.Is(err, containerfs.ErrBusy) {
		fmt.Println("later, then")
	}
}

// What is forked in Do is born in the container.
func ExampleContainer_Do() {
	c, err := containerfs.ByDir("/dev/container/jobs")
	if err != nil {
		log.Fatal(err)
	}
	err = c.Do(func() error { return exec.Command("make").Run() })
	if err != nil {
		log.Fatal(err)
	}
}

// A cpuset gets the processors 0 to 3 and the first memory node.
func ExampleContainer_Cpuset() {
	c, err := containerfs.ByDir("/dev/cpuset/half")
	if err != nil {
		log.Fatal(err)
	}
	cpus, err := containerfs.ParseCPUs("0-3")
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Cpuset().SetCPUs(cpus); errors.Is(err, containerfs.ErrOverlap) {
		fmt.Println("somebody else has them for himself")
	}
}

// The tree is walked from the top, whatever is made and removed meanwhile.
func ExampleContainer_Walk() {
	h, err := containerfs.At("/dev/container")
	if err != nil {
		log.Fatal(err)
	}
	err = h.Root().Walk(func(c containerfs.Container) error {
		tasks, err := c.Tasks()
		if err == nil {
			fmt.Println(c.Path, len(tasks))
		}
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
}
