//go:build js

package bridge_test

import (
	"context"
	"fmt"
	"syscall/js"

	"leveret/wasm/bridge"
)

// A Go function that JavaScript calls, and that is released with its scope.
func ExampleScope() {
	var scope bridge.Scope
	defer scope.Release()
	greet := scope.Func(func(_ js.Value, args []js.Value) any { return "hello " + args[0].String() })

	answer, err := bridge.Await(context.Background(), greet.Invoke("leveret"))
	fmt.Println(answer, err)
	// Output: hello leveret <nil>
}
