package main

import (
	"bytes"
	"syscall/js"
	"unsafe"

	"github.com/hack-pad/safejs"

	"leveret/protocol/transport"
)

// A gather is the Go side of a Gatherer in gather.js. That one writes the frames of a
// burst right into this program's memory and calls an exported function: a tenth of
// what the call of a js.Func costs, which makes an object of everything it is given.
type gather struct {
	id   int32
	took func(frames [][]byte)
	js   js.Value
	text []byte // what JavaScript writes into
}

// gathers are those of all sockets, by the number that JavaScript calls them by.
var (
	gathers    = map[int32]*gather{}
	lastGather int32
)

// separator stands between frames, and in none of them.
const separator = "\x1e"

// gathererOf makes a Gatherer with the page's function for it.
func gathererOf(begin js.Value) func(safejs.Value, func([][]byte)) (transport.Gatherer, error) {
	return func(ws safejs.Value, took func([][]byte)) (transport.Gatherer, error) {
		lastGather++
		g := &gather{id: lastGather, took: took}
		// Through safejs, since a WebSocket of the page's own may throw.
		made, err := safejs.Safe(begin).Invoke(ws, g.id)
		if err != nil {
			return nil, err
		}
		g.js = safejs.Unsafe(made)
		gathers[g.id] = g
		return g, nil
	}
}

func (g *gather) Drain() {
	for {
		text := g.js.Call("take")
		if text.Type() != js.TypeString {
			return
		}
		g.text = []byte(text.String())
		g.split(g.js.Get("taken").Int())
	}
}

func (g *gather) Release() {
	delete(gathers, g.id)
	g.js.Call("release")
}

// split hands over the frames that text holds.
func (g *gather) split(n int) {
	text := g.text
	g.text = nil
	if n == 1 {
		g.took([][]byte{text})
		return
	}
	frames := make([][]byte, 0, n)
	for {
		i := bytes.IndexByte(text, separator[0])
		if i < 0 {
			break
		}
		frames = append(frames, text[:i:i])
		text = text[i+1:]
	}
	g.took(append(frames, text))
}

// gatherRoom returns where JavaScript is to write n bytes, or nil if the socket is gone.
//
//go:wasmexport gatherRoom
func gatherRoom(id, n int32) unsafe.Pointer {
	g := gathers[id]
	if g == nil {
		return nil
	}
	g.text = make([]byte, max(n, 1))[:n]
	return unsafe.Pointer(unsafe.SliceData(g.text))
}

// gathered says that they are written, and how many frames they are. What that wakes
// runs when JavaScript resumes the program.
//
//go:wasmexport gathered
func gathered(id, n int32) {
	if g := gathers[id]; g != nil {
		g.split(int(n))
	}
}
