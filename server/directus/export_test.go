package directus

// What the tests of this package may use besides.
var (
	HashPassword = hashPassword
	HashToken    = hashToken
)
