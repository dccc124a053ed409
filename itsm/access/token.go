package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"signalbox/itsm"
)

// TokenPrefix starts every token Signalbox makes, so that secret scanners find one.
const TokenPrefix = "sbx_"

// Bounds of tokens.
const (
	tokenBytes    = 32 // 256 random bits
	tokenWeak     = 20 // characters; a shorter one is worth a warning
	tokenFileMax  = 4096
	tokenFileMode = 0o600
)

// NewToken makes a random token of 256 bits.
func NewToken() string {
	b := make([]byte, tokenBytes)
	rand.Read(b) // never fails: the runtime stops the process instead
	return TokenPrefix + base64.RawURLEncoding.EncodeToString(b)
}

// IsWeak reports whether a configured token is short enough to be guessed.
func IsWeak(token string) bool { return len(token) < tokenWeak }

// LoadOrCreateToken reads the token in path, or creates the file with a new one
// that only its owner can read. created says which.
func LoadOrCreateToken(path string) (token string, created bool, err error) {
	token, err = loadToken(path)
	if err == nil && token != "" {
		return token, false, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	token = NewToken()
	if err := createToken(path, token); err != nil {
		return "", false, err
	}
	return token, true, nil
}

// loadToken returns "" for an empty file, which is what a crash between creating
// and writing by an older hand may have left.
func loadToken(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("open the admin token: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("inspect the admin token: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		// Somebody copied or restored the file; others must not read it from now on.
		if err := f.Chmod(tokenFileMode); err != nil {
			return "", fmt.Errorf("the admin token %s is readable by others and cannot be closed to them: %w", path, err)
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, tokenFileMax+1))
	if err != nil {
		return "", fmt.Errorf("read the admin token: %w", err)
	}
	if len(b) > tokenFileMax {
		return "", itsm.Errorf(itsm.Invalid, "admin token file %s: over %d bytes; expected one line with a token", path, tokenFileMax)
	}
	return strings.TrimSpace(string(b)), nil
}

// createToken writes beside the file and renames, so that a crash leaves either
// no token or a whole one.
func createToken(path, token string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".admin-token-*") // mode 0600
	if err != nil {
		return fmt.Errorf("create the admin token: %w", err)
	}
	defer os.Remove(f.Name()) // gone already when the rename succeeded
	_, err = f.WriteString(token + "\n")
	err = errors.Join(err, f.Chmod(tokenFileMode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write the admin token: %w", err)
	}
	return nil
}

// Token is one API credential as configured.
type Token struct {
	Secret string
	Name   string // who it is, in actors: "admin"
	Role   Role
}

// credential is a Token of which only the sum is kept.
type credential struct {
	sum  [sha256.Size]byte
	name string
	role Role
}

// lookup compares with every credential, so that the time taken does not say
// which one was close.
func lookup(all []credential, secret string) (credential, bool) {
	sum := sha256.Sum256([]byte(secret))
	var hit credential
	found := 0
	for _, c := range all {
		if same := subtle.ConstantTimeCompare(sum[:], c.sum[:]); same == 1 {
			hit, found = c, 1
		}
	}
	return hit, found == 1
}
