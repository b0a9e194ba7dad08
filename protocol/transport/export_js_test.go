package transport

import "github.com/hack-pad/safejs"

// OpenFuncs returns how many functions JavaScript can call into this package.
func OpenFuncs() int { return openFuncs }

// WebSocketOf returns what a connection stands on.
func WebSocketOf(c Conn) safejs.Value { return c.(*socket).ws }
