package directus

// What the tests of this package may use besides.
var (
	HashPassword = hashPassword
	HashToken    = hashToken
)

// HashCost is what a new password hash costs, as it is outside tests.
var HashCost = newHashes.String()

// CheapHashes makes new password hashes cheap: no test is about their strength.
func CheapHashes() { newHashes = hashCost{memory: 64, time: 1, threads: 1} }

// Rooms returns how many rooms a hub has.
func Rooms(h *Hub) int {
	h.rooms.mu.Lock()
	defer h.rooms.mu.Unlock()
	return len(h.rooms.byKey)
}
