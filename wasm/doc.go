// Package wasm will be the module that lends package realtime to JavaScript. So far
// it holds bridge, which carries values over the border, and test, the packages
// that the suites in Node need.
package wasm
