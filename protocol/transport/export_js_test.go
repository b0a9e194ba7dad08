package transport

// OpenFuncs returns how many functions JavaScript can call into this package.
func OpenFuncs() int { return openFuncs }
