package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// This file runs the behaviour suite of wasm/test: every test against the official
// SDK, against our module, and against our realtime() in the official client.

const suiteFolder = "../../wasm/test"

// suiteLimit is how long one run may take; a soak has runs of its own length.
func suiteLimit() time.Duration {
	if os.Getenv("LEVERET_SOAK") != "" {
		return 30 * time.Minute
	}
	return 90 * time.Second
}

var implementations = []string{"sdk", "ours", "mixed"}

// closingLine is the last one of a run.
var closingLine = regexp.MustCompile(`(?m)^(\d+) passed, (\d+) failed$`)

func TestModuleInNode(t *testing.T) {
	t.Parallel()
	for _, implementation := range implementations {
		t.Run(implementation, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), suiteLimit())
			defer cancel()
			cmd := exec.CommandContext(ctx, "node", "run.mjs", "--env", "node", "--impl", implementation)
			cmd.Dir = suiteFolder
			// Asked to end, it ends the servers that it has started.
			cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
			cmd.WaitDelay = 5 * time.Second
			out, err := cmd.CombinedOutput()
			judgeRun(t, string(out))
			if err != nil {
				t.Errorf("node run.mjs: %v", err)
			}
		})
	}
}

func TestModuleInChromium(t *testing.T) {
	t.Parallel()
	stage := startStage(t)
	for _, implementation := range implementations {
		t.Run(implementation, func(t *testing.T) {
			query := url.Values{"impl": {implementation}}
			if os.Getenv("LEVERET_SOAK") != "" {
				query.Set("soak", "1")
			}
			page := openTab(t, implementation, stage+"/wasm/test/suite/page.html?"+query.Encode())
			judgeRun(t, page.runLog())
		})
	}
}

// judgeRun fails the test if a run of the suite failed, with what went wrong.
func judgeRun(t *testing.T, log string) {
	t.Helper()
	closing := closingLine.FindStringSubmatch(log)
	switch {
	case closing == nil:
		t.Errorf("the suite did not come to its end; it said:\n%s", log)
	case closing[1] == "0" || closing[2] != "0":
		t.Errorf("%s:\n%s", closing[0], failures(log))
	default:
		t.Log(closing[0])
	}
}

// failures returns the lines of a run's log that are not about what passed.
func failures(log string) string {
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(log), "\n") {
		if !strings.HasPrefix(line, "ok ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// runLog waits until the suite's page has come to its end and returns what it says.
func (p *tab) runLog() string {
	p.t.Helper()
	deadline := time.Now().Add(suiteLimit())
	for {
		ctx, cancel := context.WithTimeout(p.ctx, patience)
		log, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.getElementById("log").textContent`))
		cancel()
		if err != nil {
			p.t.Fatalf("tab %s: %v", p.name, err)
		}
		if closingLine.MatchString(log) || time.Now().After(deadline) {
			return log
		}
		time.Sleep(100 * time.Millisecond) // the page lives in real time
	}
}

// startStage starts what the suite's pages are served by and play against, and
// returns its address.
func startStage(t *testing.T) string {
	t.Helper()
	cmd := exec.Command("node", "stage.mjs")
	cmd.Dir = suiteFolder
	said := &lockedBuffer{}
	cmd.Stderr = said
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdin, err := cmd.StdinPipe() // its end is the stage's
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the stage ended with %v; it said:\n%s", err, said)
		}
	})
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	var address string
	if _, scanned := fmt.Sscanf(line, "stage %s", &address); err != nil || scanned != nil {
		t.Fatalf("the stage said %q (%v) and %s", line, err, said)
	}
	go io.Copy(io.Discard, lines) // what the pages print is in their logs
	return address
}
