// Command wasm lends package realtime to JavaScript: it is the program inside the
// ES module of wasm/module. program.js there runs it, realtime.js calls what it offers.
package main

import (
	"runtime"
	"syscall/js"

	"leveret/wasm/bridge"
)

// main offers the program's functions to the page and then serves it. One program
// serves all clients of a page. They are named by numbers, so that a client costs
// JavaScript no function, and whatever JavaScript forgets to close holds nothing.
//
//	create(settings, hooks) → client      see newClient
//	connect(client), disconnect(client), close(client)
//	send(client, text) → undefined or an error
//	ask(client, number, text)             answered by hooks.answered
//	subscribe(client, subscription, collection, event, item, query, uid, extra)
//	unsubscribe(client, subscription), resume(client, subscription)
//	stats() → {goroutines, heap}
//	exit()
func main() {
	var scope bridge.Scope
	defer scope.Release()
	p := &program{clients: map[int]*client{}}
	done := make(chan struct{})
	api := js.Global().Get("Object").New()
	offer := func(name string, f func(args []js.Value) any) {
		api.Set(name, scope.Func(func(_ js.Value, args []js.Value) any { return f(args) }))
	}
	offer("create", p.create)
	offer("stats", func([]js.Value) any { return stats() })
	offer("exit", func([]js.Value) any { close(done); return nil })
	for name, f := range methods {
		offer(name, func(args []js.Value) any {
			if c := p.clients[args[0].Int()]; c != nil {
				return f(c, args[1:])
			}
			return nil // it was closed
		})
	}
	offer("close", func(args []js.Value) any {
		id := args[0].Int()
		if c := p.clients[id]; c != nil {
			delete(p.clients, id)
			go c.close()
		}
		return nil
	})
	js.Global().Get("leveret").Invoke(api)
	<-done
}

// A program is all clients of a page. Only callbacks from JavaScript touch it, of
// which one runs at a time.
type program struct {
	clients map[int]*client
	last    int
}

func (p *program) create(args []js.Value) any {
	c, err := newClient(args[0], args[1])
	if err != nil {
		return bridge.Error(coded(err))
	}
	p.last++
	p.clients[p.last] = c
	return p.last
}

// stats tells how much the program holds, for the tests that look for leaks.
func stats() any {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return map[string]any{"goroutines": runtime.NumGoroutine(), "heap": int(m.HeapAlloc)}
}
