package platform_test

import (
	"syscall/js"
	"testing"

	"leveret/protocol/platform"
)

func TestAClosedChannelHoldsNothing(t *testing.T) {
	before := platform.OpenFuncs()
	c, err := platform.OpenChannel("test-funcs")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	c.Close()
	if n := platform.OpenFuncs() - before; n != 0 {
		t.Errorf("%d functions were not released", n)
	}
}

// What somebody else sends on a channel of that name is not ours.
func TestMessagesOfOthersAreNotOurs(t *testing.T) {
	c := openChannel(t, "test-foreign")
	other := js.Global().Get("BroadcastChannel").New("test-foreign")
	defer other.Call("close")
	other.Call("postMessage", "text")
	other.Call("postMessage", js.Null())
	sender := openChannel(t, "test-foreign")
	send(t, sender, "ours")
	reader{t, c}.want("ours")
}
