// Package bridge carries values between Go and JavaScript, and gives each function
// that JavaScript can call an owner that releases it. Its contents are built for
// GOOS=js only.
package bridge
