package state

import (
	"os"
	"regexp"
	"testing"
)

// Every reason that the session gives has a sentence, but the one that the state says.
func TestEveryReasonHasASentence(t *testing.T) {
	source, err := os.ReadFile("../../protocol/session/types.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`Reason\w+\s+Reason = "([^"]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(names) < 15 {
		t.Fatalf("only %d reasons were found", len(names))
	}
	for _, name := range names {
		if sentence := reason(name[1]); (sentence == "") != (name[1] == "asked") {
			t.Errorf("%s: the sentence is %q", name[1], sentence)
		}
	}
}
