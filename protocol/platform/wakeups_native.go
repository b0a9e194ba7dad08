//go:build !js

package platform

// listen has nothing to listen to natively.
func listen(chan<- string) (stop func()) { return func() {} }
