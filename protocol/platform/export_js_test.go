package platform

// OpenFuncs returns how many functions JavaScript can call into locks and channels.
func OpenFuncs() int { return int(openFuncs.Load()) }
