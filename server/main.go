// Command leveret serves live messages over Directus's realtime protocol, and the
// page that shows them.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// version is set when make links the program: git describe.
var version = "dev"

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is main with everything it touches as an argument. It returns the exit code.
func run(args, environ []string, stdout, stderr io.Writer) int {
	config, err := ParseConfig(args, environ)
	switch {
	case errors.Is(err, errHelp):
		printHelp(stdout)
		return 0
	case errors.Is(err, errVersion):
		fmt.Fprintln(stdout, "leveret", version)
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "leveret:", err)
		return 1
	}
	log := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: config.LogLevel}))
	for _, warning := range config.Warnings {
		log.Warn(warning)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program at once

	m := &Main{Config: config, Log: log}
	defer m.Close()
	if err := m.Open(ctx); err != nil {
		fmt.Fprintln(stderr, "leveret:", err)
		return 1
	}
	m.PrintWelcome(stdout)
	if err := m.Run(ctx); err != nil {
		fmt.Fprintln(stderr, "leveret:", err)
		return 1
	}
	return 0
}
