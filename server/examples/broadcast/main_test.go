package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	var text strings.Builder
	out := &printer{w: &text}
	if err := run(t.Context(), out, "127.0.0.1:0", false); err != nil {
		t.Fatal(err)
	}
	out.mu.Lock() // handlers may still have something to say
	defer out.mu.Unlock()
	for _, line := range []string{
		`connect: user "00000000-0000-4000-8000-0000000000e2" from 127.0.0.1`,
		`the editor hears {"from":"00000000-0000-4000-8000-0000000000e2","text":"Hello!","type":"chat"}`,
		`the reader hears {"from":"00000000-0000-4000-8000-0000000000e2","text":"Hello!","type":"chat"}`,
		`told 1`,
		`the reader hears {"text":"For readers only.","type":"notice"}`,
		`the editor hears {"type":"pong"}`,
	} {
		if !strings.Contains(text.String(), line+"\n") {
			t.Errorf("it does not say %s:\n%s", line, text.String())
		}
	}
}
