package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"signalbox/itsm"
)

// The cost of a password, which is what OWASP's password storage sheet asks for at
// least. The parameters stand in every hash, so that raising them here leaves the
// old ones valid.
const (
	argonMemoryKiB = 19 << 10
	argonTime      = 2
	argonThreads   = 1
	saltBytes      = 16
	hashBytes      = 32

	memoryKiBMax = 256 << 10 // of a hash that is checked
	timeMax      = 20
)

// Bounds of passwords, and of checking them: each takes 19 MiB and some tens of
// milliseconds of a core that the fold needs too.
const (
	PasswordBytesMin = 12
	PasswordBytesMax = 256
	hashersMax       = 2
	hashWithin       = 5 * time.Second // waiting for a turn
)

// hasher hashes a few passwords at a time.
type hasher struct{ turns chan struct{} }

func newHasher() hasher { return hasher{make(chan struct{}, hashersMax)} }

func (h hasher) turn(ctx context.Context) (done func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, hashWithin)
	defer cancel()
	select {
	case h.turns <- struct{}{}:
		return func() { <-h.turns }, nil
	case <-ctx.Done():
		return nil, itsm.Errorf(itsm.Unavailable, "too many people are signing in; try again in a moment")
	}
}

// CheckPassword says what is wrong with a password somebody wants to have; the name
// is whose.
func CheckPassword(name, password string) error {
	switch {
	case len(password) < PasswordBytesMin || len(password) > PasswordBytesMax || !utf8.ValidString(password):
		return itsm.Errorf(itsm.Invalid, "password: expected %d to %d bytes; a few words are easier to remember than signs", PasswordBytesMin, PasswordBytesMax)
	case strings.Contains(strings.ToLower(password), name) && len(password) < len(name)+PasswordBytesMin:
		return itsm.Errorf(itsm.Invalid, "password: it is little more than the name; expected something nobody would try")
	case strings.Count(password, password[:1]) == len(password):
		return itsm.Errorf(itsm.Invalid, "password: it is one sign repeated; expected something nobody would try")
	}
	return nil
}

// HashPassword makes what is kept of a password: an argon2id hash in PHC form.
func (g *Gate) HashPassword(ctx context.Context, name, password string) (string, error) {
	if err := CheckPassword(name, password); err != nil {
		return "", err
	}
	done, err := g.hasher.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return NewPasswordHash(password), nil
}

// NewPasswordHash is HashPassword without a bound on how many run at a time, for a
// command.
func NewPasswordHash(password string) string {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // never fails: the runtime stops the process instead
	sum := argon2.IDKey([]byte(password), salt, argonTime, argonMemoryKiB, argonThreads, hashBytes)
	b64 := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemoryKiB, argonTime, argonThreads, b64(salt), b64(sum))
}

// noHash is compared with when there is no such user, so that the time taken does
// not say so. Nothing has this sum.
const noHash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// verify reports whether a password is the one that was hashed.
func (h hasher) verify(ctx context.Context, hash, password string) (bool, error) {
	var version, memory, passes, threads int
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, itsm.Errorf(itsm.Internal, "a password's hash is in no form known here")
	}
	_, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &threads)
	salt, err2 := base64.RawStdEncoding.DecodeString(parts[4])
	want, err3 := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || err2 != nil || err3 != nil || version != argon2.Version || len(want) < 16 ||
		memory < 8 || memory > memoryKiBMax || passes < 1 || passes > timeMax || threads < 1 || threads > 255 {
		return false, itsm.Errorf(itsm.Internal, "a password's hash is damaged or of another version")
	}
	if len(password) > PasswordBytesMax {
		return false, nil
	}
	done, err := h.turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	got := argon2.IDKey([]byte(password), salt, uint32(passes), uint32(memory), uint8(threads), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}
