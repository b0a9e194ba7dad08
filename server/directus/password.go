package directus

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"

	"leveret/protocol"
)

// A hashCost is what computing a hash takes.
type hashCost struct {
	memory  uint32 // KiB
	time    uint32 // passes over it
	threads uint8
}

func (c hashCost) String() string { return fmt.Sprintf("m=%d,t=%d,p=%d", c.memory, c.time, c.threads) }

// newHashes is the cost of new hashes: OWASP's smallest recommended argon2id
// setting. Only tests change it.
var newHashes = hashCost{memory: 19 << 10, time: 2, threads: 1}

const (
	argonSalt = 16
	argonKey  = 32
)

// hashing lets only a few hashes be computed at once, in the whole process: each
// takes 19 MiB and a good part of a processor, and anybody may ask for one.
var hashing = make(chan struct{}, 2)

// waitingForHashes counts those who wait for their turn; more than manyHashes are
// turned away.
var waitingForHashes atomic.Int64

const manyHashes = 64

var errBusy = &protocol.Error{Code: protocol.CodeServiceUnavailable,
	Message: "Too many passwords are being checked at the moment. Try again in a few seconds."}

// derive waits for its turn and computes an argon2id key.
func derive(ctx context.Context, password string, salt []byte, cost hashCost, size uint32) ([]byte, error) {
	if waitingForHashes.Add(1) > manyHashes {
		waitingForHashes.Add(-1)
		return nil, errBusy
	}
	defer waitingForHashes.Add(-1)
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, cost.time, cost.memory, cost.threads, size), nil
}

// hashPassword returns the password's argon2id hash as a PHC string.
func hashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	key, err := derive(ctx, password, salt, newHashes, argonKey)
	if err != nil {
		return "", fmt.Errorf("hash a password: %w", err)
	}
	return fmt.Sprintf("$argon2id$v=%d$%v$%s$%s", argon2.Version, newHashes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key)), nil
}

// verifyPassword reports whether the password has that hash. A hash that is none
// costs the same work as a wrong password, so that time does not tell whether
// there is such a user.
func verifyPassword(ctx context.Context, hash, password string) (bool, error) {
	cost, salt, want, ok := parseHash(hash)
	if !ok {
		salt, want, cost = make([]byte, argonSalt), make([]byte, argonKey), newHashes
	}
	got, err := derive(ctx, password, salt, cost, uint32(len(want)))
	if err != nil {
		return false, fmt.Errorf("verify a password: %w", err)
	}
	return subtle.ConstantTimeCompare(got, want) == 1 && ok, nil
}

// parseHash reads an argon2id hash as a PHC string. ok is false for what is none, or
// would cost too much to verify.
func parseHash(hash string) (cost hashCost, salt, key []byte, ok bool) {
	var version int
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return cost, nil, nil, false
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return cost, nil, nil, false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &cost.memory, &cost.time, &cost.threads); err != nil ||
		cost.memory > 1<<20 || cost.time < 1 || cost.time > 100 || cost.threads < 1 {
		return cost, nil, nil, false
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	key, errKey := base64.RawStdEncoding.DecodeString(parts[5])
	return cost, salt, key, errSalt == nil && errKey == nil && len(key) >= 16 && len(key) <= 128
}

// IsPasswordHash reports whether a text is the hash of a password, which Directus
// writes in the same form, and not a password.
func IsPasswordHash(text string) bool {
	_, _, _, ok := parseHash(text)
	return ok
}

// tokenAlphabet is nanoid's, as Directus's refresh tokens have it: 64 characters,
// so that six random bits choose one without bias.
const tokenAlphabet = "useandom-26T198340PX75pxJACKVERYMINDBUSHWOLF_GQZbfghjklqvwyzrict"

// newToken returns a random token of n characters, 6 bits each.
func newToken(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return tokenOf(b)
}

// tokenOf returns a token with a character for each byte.
func tokenOf(b []byte) string {
	token := make([]byte, len(b))
	for i := range b {
		token[i] = tokenAlphabet[b[i]&63]
	}
	return string(token)
}

// hashToken returns what is stored of a random token: a stolen database must not
// let anybody in. Unlike a password it needs no salt and no cost.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
