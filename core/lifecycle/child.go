package lifecycle

import (
	"os/exec"
	"runtime"
	"sync"
)

// starter is the one OS thread that forks children. Linux sends a child's Pdeathsig when the *thread* that forked it
// ends, so a child started from an ordinary goroutine may be killed while we live on. This thread never ends.
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// StartChild starts cmd from a thread that lives as long as the process, which a command with
// SysProcAttr.Pdeathsig needs.
func StartChild(cmd *exec.Cmd) error {
	done := make(chan error, 1)
	starter() <- func() { done <- cmd.Start() }
	return <-done
}
