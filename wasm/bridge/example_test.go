//go:build js

package bridge_test

import (
	"context"
	"fmt"
	"syscall/js"

	"leveret/wasm/bridge"
)

// A Go function that JavaScript calls, and that is released with its scope.
func ExamplePromise() {
	var scope bridge.Scope
	defer scope.Release()
	read := scope.Func(func(_ js.Value, args []js.Value) any {
		name := args[0].String()
		return bridge.Promise(func() (any, error) { return "hello " + name, nil })
	})

	answer, err := bridge.Await(context.Background(), read.Invoke("leveret"))
	fmt.Println(answer, err)
	// Output: hello leveret <nil>
}
