// Package team answers "who are we?": the people of Salesforce, those of them
// (and others) who sign in to Tandem, their sessions and their API tokens.
package team

import (
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/textkey"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// Person is somebody of ours: a Salesforce user, a user of Tandem, or both.
// Who has no password cannot sign in.
type Person struct {
	ID           string      `db:"id" json:"id"`
	CRMID        *string     `db:"crm_id" json:"crm_id"`
	Name         string      `db:"name" json:"name"`
	NameKey      string      `db:"name_key" json:"-"`
	Email        string      `db:"email" json:"email"`
	EmailKey     string      `db:"email_key" json:"-"`
	Title        string      `db:"title" json:"title"`
	RoleName     string      `db:"role_name" json:"role_name"`
	Level        authz.Level `db:"level" json:"level"`
	Region       string      `db:"region" json:"region"`
	Zone         string      `db:"zone" json:"zone"` // IANA name, "" when not known
	Active       bool        `db:"active" json:"active"`
	PasswordHash string      `db:"password_hash" json:"-"`
	CRMModstamp  time.Time   `db:"crm_modstamp" json:"-"`
	CreatedAt    time.Time   `db:"created_at,insert" json:"created_at"`
	UpdatedAt    time.Time   `db:"updated_at" json:"updated_at"`
	Version      int64       `db:"version" json:"version"`
}

// CanSignIn reports whether the person is a user of Tandem.
func (p *Person) CanSignIn() bool { return p.PasswordHash != "" && p.Active }

// Actor gives the person as one who acts in the browser.
func (p *Person) Actor() authz.Actor {
	return authz.Actor{Kind: authz.KindPerson, ID: p.ID, Name: p.Name, Level: p.Level}
}

func (p *Person) keys() {
	p.NameKey, p.EmailKey = textkey.Of(p.Name), emailKey(p.Email)
}

func emailKey(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// NewUser is the wish to make somebody a user of Tandem.
type NewUser struct {
	Name     string
	Email    string
	Level    authz.Level
	Password string // "" makes a random one
}

// The bounds of a password, in characters.
const (
	MinPassword = 12
	MaxPassword = 256
)

// Validate reports every wrong field.
func (n NewUser) Validate() error {
	var bad problem.List
	if name := strings.TrimSpace(n.Name); name == "" || utf8.RuneCountInString(name) > 120 {
		bad.Add("name", "required", "Give a name of 1 to 120 characters")
	}
	if a, err := mail.ParseAddress(n.Email); err != nil || a.Address != n.Email || len(n.Email) > 254 {
		bad.Add("email", "malformed", fmt.Sprintf("%q is not an e-mail address", n.Email))
	}
	if !n.Level.Valid() {
		bad.Add("level", "unknown_level", fmt.Sprintf("%q is not a level: use one of %s", n.Level, strings.Join(levelNames(), ", ")))
	}
	if n.Password != "" {
		if f := checkPassword(n.Password); f != "" {
			bad.Add("password", "weak", f)
		}
	}
	return bad.Err()
}

func checkPassword(p string) string {
	switch n := utf8.RuneCountInString(p); {
	case n < MinPassword:
		return fmt.Sprintf("A password needs at least %d characters", MinPassword)
	case n > MaxPassword:
		return fmt.Sprintf("A password has at most %d characters", MaxPassword)
	}
	return ""
}

func levelNames() []string {
	var out []string
	for _, l := range authz.Levels() {
		out = append(out, string(l))
	}
	return out
}

// Token is an API token of a person. The token itself is shown once, when it
// is made; only its SHA-256 is kept.
type Token struct {
	ID         string    `db:"id" json:"id"`
	PersonID   string    `db:"person_id" json:"-"`
	Name       string    `db:"name" json:"name"`
	Hash       string    `db:"hash" json:"-"`
	Hint       string    `db:"hint" json:"hint"` // its last four characters
	Scopes     string    `db:"scopes" json:"scopes"`
	CreatedAt  time.Time `db:"created_at" json:"created_at"`
	ExpiresAt  time.Time `db:"expires_at" json:"expires_at,omitzero"`
	LastUsedAt time.Time `db:"last_used_at" json:"last_used_at,omitzero"`
	RevokedAt  time.Time `db:"revoked_at" json:"revoked_at,omitzero"`
}
