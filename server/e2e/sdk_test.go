package e2e

import (
	"os/exec"
	"testing"
)

// The REST part of the official JavaScript SDK works unmodified.
func TestOfficialSDKOverREST(t *testing.T) {
	s := startServer(t)
	cmd := exec.Command("node", "rest.mjs", s.url)
	cmd.Dir = "../../wasm/test"
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("node rest.mjs: %v\n%s", err, out)
	}
}
