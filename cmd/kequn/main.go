// Command kequn is the front door: flags, wiring, and the one list of learners and engines.
//
// It reads customers, events and orders, and hands back whom to contact with which offer, whom to leave alone, what that
// should earn, why, and a control group that will prove it.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The first interrupt asks the work to stop and leave nothing half-written; a second one ends the program at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop()
	}()
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
