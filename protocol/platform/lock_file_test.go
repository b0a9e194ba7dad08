//go:build !js

package platform_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"leveret/protocol/platform"
)

func TestFileLock(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		testLock(t, [2]string{filepath.Join(dir, "one"), filepath.Join(dir, "another")}, synctest.Wait)
		if waited := time.Since(began); waited > 0 {
			t.Errorf("those who waited did so for %v by the clock", waited)
		}
	})
}

// A process that is killed releases what it held.
func TestALockOfAKilledProcess(t *testing.T) {
	name := os.Getenv("LEVERET_HOLD_LOCK")
	if name != "" { // this is that process
		if _, err := platform.Acquire(context.Background(), name); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println("held")
		io.Copy(io.Discard, os.Stdin)
		return
	}
	name = filepath.Join(t.TempDir(), "lock")
	other := exec.Command(os.Args[0], "-test.run=^TestALockOfAKilledProcess$")
	other.Env = append(os.Environ(), "LEVERET_HOLD_LOCK="+name)
	stdin, err := other.StdinPipe() // ends with this process, and with it the other
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	stdout, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer other.Process.Kill()
	if said, err := bufio.NewReader(stdout).ReadString('\n'); said != "held\n" {
		t.Fatalf("the other process said %q, %v", said, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 250*time.Millisecond)
	defer cancel()
	if _, err := platform.Acquire(ctx, name); err != context.DeadlineExceeded {
		t.Errorf("Acquire while another process holds it: %v", err)
	}
	other.Process.Kill()
	ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	lock, err := platform.Acquire(ctx, name)
	if err != nil {
		t.Fatalf("Acquire after it was killed: %v", err)
	}
	lock.Release()
}

func TestALockInAFolderThatIsNotThere(t *testing.T) {
	name := filepath.Join(t.TempDir(), "absent", "lock")
	for range 2 { // the first leaves no trace
		if _, err := platform.Acquire(t.Context(), name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Acquire: %v", err)
		}
	}
}
