package platform_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"leveret/protocol/platform"
)

// A reader takes one message after another from a channel.
type reader struct {
	t       *testing.T
	channel *platform.Channel
}

// next returns the next message, or the error that ends the loop; with neither it
// waited in vain.
func (r reader) next() (message string, err error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	for m, err := range r.channel.Messages(ctx) {
		return string(m), err
	}
	r.t.Fatal("no message came")
	return "", nil
}

func (r reader) want(messages ...string) {
	r.t.Helper()
	for _, want := range messages {
		if got, err := r.next(); got != want || err != nil {
			r.t.Fatalf("got %.20q, %v, want %.20q", got, err, want)
		}
	}
}

func openChannel(t *testing.T, name string) *platform.Channel {
	t.Helper()
	c, err := platform.OpenChannel(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func send(t *testing.T, c *platform.Channel, messages ...string) {
	t.Helper()
	for _, m := range messages {
		if err := c.Send([]byte(m)); err != nil {
			t.Fatalf("Send: %v", err)
		}
	}
}

func TestAChannelReachesAllOthersOfItsName(t *testing.T) {
	a, b, c := openChannel(t, "test"), openChannel(t, "test"), openChannel(t, "test")
	other := openChannel(t, "another")
	all := []string{"one", "", "\x00\xff grüße", strings.Repeat("x", 2<<20), "last"}
	for _, m := range all {
		send(t, a, m)
		reader{t, b}.want(m)
		reader{t, c}.want(m)
	}
	send(t, b, "from b")
	reader{t, a}.want("from b") // and nothing of its own before it
	send(t, c, "from c")
	reader{t, a}.want("from c")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for m, err := range other.Messages(ctx) {
		t.Errorf("the channel of another name got %q, %v", m, err)
	}
}

func TestAMessageIsItsReceiversOwn(t *testing.T) {
	a, b, c := openChannel(t, "test"), openChannel(t, "test"), openChannel(t, "test")
	message := []byte("same")
	if err := a.Send(message); err != nil {
		t.Fatal(err)
	}
	copy(message, "diff")
	for m := range b.Messages(t.Context()) {
		if string(m) != "same" {
			t.Errorf("got %q", m)
		}
		copy(m, "diff")
		break
	}
	reader{t, c}.want("same")
}

func TestTooManyMessagesAreTold(t *testing.T) {
	cases := []struct {
		name    string
		message string
		fit     int
	}{
		{"too many", "x", platform.MaxChannelMessages},
		{"too large", strings.Repeat("x", platform.MaxChannelBytes/4), 4},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a, b := openChannel(t, "test"), openChannel(t, "test")
			for range c.fit + 1 {
				send(t, a, c.message)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for !b.Missed() && ctx.Err() == nil { // a browser delivers later
				<-tick.C
			}
			read := 0
			var last error
			for m, err := range b.Messages(ctx) {
				if last = err; err == nil && string(m) == c.message {
					read++
				}
			}
			if read != c.fit || !errors.Is(last, platform.ErrMissed) {
				t.Errorf("read %d messages and %v, want %d and ErrMissed", read, last, c.fit)
			}
			send(t, a, "again")
			reader{t, b}.want("again")
		})
	}
}

func TestAClosedChannel(t *testing.T) {
	a, b := openChannel(t, "test"), openChannel(t, "test")
	got, ended := make(chan string, 9), make(chan struct{})
	go func() {
		defer close(ended)
		for m := range b.Messages(context.Background()) {
			got <- string(m)
		}
	}()
	send(t, a, "one")
	if m := <-got; m != "one" {
		t.Errorf("got %q", m)
	}
	b.Close()
	<-ended
	b.Close()
	if err := b.Send([]byte("x")); !errors.Is(err, platform.ErrChannelClosed) {
		t.Errorf("Send: %v", err)
	}
	for m, err := range b.Messages(t.Context()) {
		t.Errorf("a closed channel yielded %q, %v", m, err)
	}
	send(t, a, "to nobody")
	if _, err := platform.OpenChannel(""); err == nil {
		t.Error("a channel without a name was opened")
	}
}

func TestManyReadOneChannel(t *testing.T) {
	a, b := openChannel(t, "test"), openChannel(t, "test")
	got := make(chan []byte)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 3 {
		go func() {
			for m := range b.Messages(ctx) {
				got <- m
			}
		}()
	}
	seen := map[string]bool{}
	for i := range 100 {
		send(t, a, fmt.Sprint(i))
	}
	for range 100 {
		seen[string(bytes.Clone(<-got))] = true
	}
	if len(seen) != 100 {
		t.Errorf("%d messages were read, want 100", len(seen))
	}
}
