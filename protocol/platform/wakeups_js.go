package platform

import "syscall/js"

// listen reports what the page's events say, until stop is called.
func listen(events chan<- string) (stop func()) {
	var stops []func()
	on := func(target js.Value, event, why string, when func() bool) {
		if target.IsUndefined() || target.Get("addEventListener").Type() != js.TypeFunction {
			return // not a page
		}
		f := js.FuncOf(func(js.Value, []js.Value) any {
			if when() {
				select {
				case events <- why:
				default: // one waits already
				}
			}
			return nil
		})
		target.Call("addEventListener", event, f)
		stops = append(stops, func() {
			target.Call("removeEventListener", event, f)
			f.Release()
		})
	}
	always := func() bool { return true }
	window, document := js.Global(), js.Global().Get("document")
	on(window, "online", WakeOnline, always)
	on(window, "pageshow", WakeShown, always)
	on(document, "visibilitychange", WakeVisible, func() bool {
		return document.Get("visibilityState").String() == "visible"
	})
	return func() {
		for _, stop := range stops {
			stop()
		}
	}
}
