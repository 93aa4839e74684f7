package team

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/platform/audit"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// hashing: argon2id with 19 MiB, two passes, one lane (OWASP's first choice for
// small servers); about 50–120 ms on two cores.
var hashing = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// decoy is compared against when there is no such user, so that the answer
// takes as long as for a wrong password.
const decoy = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$Uq5FJ1k0z0bQ5gK0l1M7B0cV8oX2q7n9v6m3y4t5r6s"

// Service is the use cases of the team.
type Service struct {
	db    *db.DB
	clock clock.Clock
}

// NewService gives the use cases on a database.
func NewService(d *db.DB, c clock.Clock) *Service { return &Service{db: d, clock: c} }

// CreateUser makes a user, or makes the person of Salesforce with that e-mail
// address one. It gives the password when it made it. A user who exists is a
// conflict. Needs the action manage_people.
func (s *Service) CreateUser(ctx context.Context, n NewUser) (Person, string, error) {
	if err := authz.Require(ctx, authz.ActionManagePeople); err != nil {
		return Person{}, "", err
	}
	n.Email, n.Name = strings.TrimSpace(n.Email), strings.TrimSpace(n.Name)
	if err := n.Validate(); err != nil {
		return Person{}, "", err
	}
	password := n.Password
	if password == "" {
		password = RandomPassword()
	}
	hash, err := argon2id.CreateHash(password, hashing)
	if err != nil {
		return Person{}, "", fmt.Errorf("hash the password: %w", err)
	}
	var p Person
	err = s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		old, err := byEmail(ctx, tx, emailKey(n.Email))
		switch {
		case err == nil && old.PasswordHash != "":
			return problem.Conflict("user_exists", fmt.Sprintf("There is a user with the address %s already", n.Email))
		case err == nil:
			p = old
		case problem.Is(err, problem.KindNotFound):
			p = Person{ID: id.New("usr"), Email: n.Email, Name: n.Name, CreatedAt: tx.Now()}
		default:
			return err
		}
		p.Level, p.PasswordHash, p.Active, p.UpdatedAt = n.Level, hash, true, tx.Now()
		if p.Name == "" {
			p.Name = n.Name
		}
		p.keys()
		if err := save(ctx, tx, &p); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "user.create", p.ID, map[string]any{"email": p.Email, "level": p.Level})
	})
	if n.Password != "" {
		password = ""
	}
	return p, password, err
}

// SetPassword gives a user a new password ("" for a random one, which is
// returned). Needs manage_people.
func (s *Service) SetPassword(ctx context.Context, email, password string) (string, error) {
	if err := authz.Require(ctx, authz.ActionManagePeople); err != nil {
		return "", err
	}
	made := ""
	if password == "" {
		password = RandomPassword()
		made = password
	} else if f := checkPassword(password); f != "" {
		return "", problem.Invalid("password", "weak", f)
	}
	hash, err := argon2id.CreateHash(password, hashing)
	if err != nil {
		return "", fmt.Errorf("hash the password: %w", err)
	}
	return made, s.change(ctx, email, "user.password", func(p *Person) { p.PasswordHash = hash })
}

// SetLevel moves a user to another level. The last Director who can sign in stays
// one (conflict last_director). Needs manage_people.
func (s *Service) SetLevel(ctx context.Context, email string, level authz.Level) error {
	if err := authz.Require(ctx, authz.ActionManagePeople); err != nil {
		return err
	}
	if !level.Valid() {
		return problem.Invalid("level", "unknown_level", fmt.Sprintf("%q is not a level: use one of %s", level, strings.Join(levelNames(), ", ")))
	}
	return s.change(ctx, email, "user.level", func(p *Person) { p.Level = level })
}

// Disable takes a user's password away and ends their tokens; sessions end
// because Person is asked on every request. The last Director who can sign in
// stays (conflict last_director). Needs manage_people.
func (s *Service) Disable(ctx context.Context, email string) error {
	if err := authz.Require(ctx, authz.ActionManagePeople); err != nil {
		return err
	}
	return s.change(ctx, email, "user.disable", func(p *Person) { p.PasswordHash = "" })
}

func (s *Service) change(ctx context.Context, email, action string, edit func(*Person)) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		p, err := byEmail(ctx, tx, emailKey(email))
		if err != nil {
			if problem.Is(err, problem.KindNotFound) {
				return problem.NotFound("user", email)
			}
			return err
		}
		led := leads(&p)
		edit(&p)
		if led && !leads(&p) {
			if err := othersLead(ctx, tx, &p); err != nil {
				return err
			}
		}
		p.UpdatedAt = tx.Now()
		if err := save(ctx, tx, &p); err != nil {
			return err
		}
		if p.PasswordHash == "" {
			if err := revokeAll(ctx, tx, p.ID); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, action, p.ID, map[string]any{"email": p.Email, "level": p.Level})
	})
}

// leads reports whether the person is a Director of either rung who can sign in.
func leads(p *Person) bool {
	return p.CanSignIn() && (p.Level == authz.LevelDirector || p.Level == authz.LevelSeniorDirector)
}

// othersLead refuses to take the last Director's access or level away: only a
// Director can make another one.
func othersLead(ctx context.Context, tx *db.Tx, p *Person) error {
	// Of two Directors who take each other's level away at once, one waits here for
	// the other and then counts anew.
	if err := holdDirectors(ctx, tx); err != nil {
		return err
	}
	n, err := countOtherDirectors(ctx, tx, p.ID)
	if err != nil {
		return err
	}
	if n == 0 {
		return problem.Conflict("last_director", fmt.Sprintf("%s is the last Director who can sign in: make somebody else a Director first", p.Name))
	}
	return nil
}

// Users lists those who can sign in. Needs manage_people.
func (s *Service) Users(ctx context.Context) ([]Person, error) {
	if err := authz.Require(ctx, authz.ActionManagePeople); err != nil {
		return nil, err
	}
	return users(ctx, s.db)
}

// HasUsers reports whether anybody can sign in yet.
func (s *Service) HasUsers(ctx context.Context) (bool, error) {
	n, err := countUsers(ctx, s.db)
	return n > 0, err
}

// Person gives a person by id; who cannot sign in any more is not found.
func (s *Service) Person(ctx context.Context, personID string) (Person, error) {
	p, err := byID(ctx, s.db, personID)
	if err == nil && !p.CanSignIn() {
		err = problem.NotFound("user", personID)
	}
	return p, err
}

// ActorOf gives a user as the one who acts, with the level of now; who cannot sign
// in any more is not found.
func ActorOf(ctx context.Context, q db.Queryer, personID string) (authz.Actor, error) {
	p, err := byID(ctx, q, personID)
	if err == nil && !p.CanSignIn() {
		err = problem.NotFound("user", personID)
	}
	return p.Actor(), err
}

// WhoMay lists the users whom the policies let do an action, by name.
func WhoMay(ctx context.Context, q db.Queryer, action authz.Action) ([]Person, error) {
	var levels []authz.Level
	for _, l := range authz.Levels() {
		may, err := authz.May(authz.Actor{Kind: authz.KindPerson, Level: l}, action)
		if err != nil {
			return nil, err
		}
		if may {
			levels = append(levels, l)
		}
	}
	if len(levels) == 0 {
		return nil, nil
	}
	return usersOf(ctx, q, levels)
}

// People lists everybody of Salesforce who owns or may own deals, by name.
func (s *Service) People(ctx context.Context) ([]Person, error) {
	if err := authz.Require(ctx, authz.ActionRead); err != nil {
		return nil, err
	}
	return people(ctx, s.db)
}

// How login throttling goes: after freeFailures wrong passwords for an address
// or from a machine, each further one doubles the wait, up to maxWait.
const (
	freeFailures = 5
	maxWait      = 15 * time.Minute
	forgetAfter  = 24 * time.Hour
)

// SignIn checks an e-mail address and a password. from is the caller's machine.
// Wrong ones are a problem of kind unauthorized that does not say which was
// wrong; too many of them are of kind too_many with the time to wait.
func (s *Service) SignIn(ctx context.Context, email, password, from string) (Person, error) {
	subjects := []string{"mail:" + emailKey(email), "from:" + from}
	if err := s.throttle(ctx, subjects); err != nil {
		return Person{}, err
	}
	p, err := byEmail(ctx, s.db, emailKey(email))
	if err != nil && !problem.Is(err, problem.KindNotFound) {
		return Person{}, err
	}
	hash := p.PasswordHash
	if err != nil || !p.CanSignIn() || len(password) > 4*MaxPassword {
		hash, password = decoy, "x"
	}
	match, cmpErr := argon2id.ComparePasswordAndHash(password, hash)
	if cmpErr != nil && hash != decoy {
		return Person{}, fmt.Errorf("check the password: %w", cmpErr)
	}
	if hash == decoy || !match {
		return Person{}, s.failedSignIn(ctx, subjects)
	}
	ctx = authz.With(ctx, p.Actor())
	return p, s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := forget(ctx, tx, subjects[:1]); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "user.sign_in", p.ID, map[string]any{"from": from})
	})
}

// throttle gives a problem of kind too_many while one of the subjects must wait.
func (s *Service) throttle(ctx context.Context, subjects []string) error {
	for _, subject := range subjects {
		wait, err := s.mustWait(ctx, subject)
		if err != nil {
			return err
		}
		if wait > 0 {
			return problem.TooMany("too_many_attempts", fmt.Sprintf("Too many attempts: try again in %s", wait.Round(time.Second)), wait)
		}
	}
	return nil
}

func (s *Service) failedSignIn(ctx context.Context, subjects []string) error {
	if err := s.countWrong(ctx, subjects); err != nil {
		return err
	}
	return problem.Unauthorized("wrong_credentials", "The e-mail address or the password is wrong")
}

func (s *Service) countWrong(ctx context.Context, subjects []string) error {
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := forgetOld(ctx, tx, tx.Now().Add(-forgetAfter)); err != nil {
			return err
		}
		for _, subject := range subjects {
			if err := countFailure(ctx, tx, subject); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) mustWait(ctx context.Context, subject string) (time.Duration, error) {
	f, err := failures(ctx, s.db, subject)
	if problem.Is(err, problem.KindNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	over := f.Failures - freeFailures
	if strings.HasPrefix(subject, "from:") {
		over -= 4 * freeFailures // a whole office can sit behind one address
	}
	if over < 0 {
		return 0, nil
	}
	wait := min(time.Second<<min(over, 20), maxWait)
	return max(0, f.LastAt.Add(wait).Sub(s.clock.Now())), nil
}

// CreateToken makes an API token of the signed-in person and gives it, the only
// time it can be seen. life zero never expires.
func (s *Service) CreateToken(ctx context.Context, name string, scopes []string, life time.Duration) (Token, string, error) {
	if err := authz.Require(ctx, authz.ActionOwnToken); err != nil {
		return Token{}, "", err
	}
	actor, _ := authz.From(ctx)
	var bad problem.List
	if name = strings.TrimSpace(name); name == "" || utf8.RuneCountInString(name) > 80 {
		bad.Add("name", "required", "Give the token a name of 1 to 80 characters, such as what uses it")
	}
	if len(scopes) == 0 {
		bad.Add("scopes", "required", "Choose at least one scope")
	}
	for _, x := range scopes {
		if !slices.Contains(authz.Scopes(), x) {
			bad.Add("scopes", "unknown_scope", fmt.Sprintf("%q is not a scope: use read, write or admin", x))
		} else if actor.Scopes != nil && !slices.Contains(actor.Scopes, x) {
			bad.Add("scopes", "wider_scope", fmt.Sprintf("A token without the scope %q cannot make one with it", x))
		}
	}
	if life < 0 {
		bad.Add("expires_in", "negative", "A token cannot have expired before it is made")
	}
	if err := bad.Err(); err != nil {
		return Token{}, "", err
	}
	secret := "tdm_" + randomText(32)
	t := Token{
		ID: id.New("tok"), PersonID: actor.ID, Name: name, Hash: tokenHash(secret), Hint: secret[len(secret)-4:],
		Scopes: strings.Join(scopes, " "), CreatedAt: s.clock.Now(),
	}
	if life > 0 {
		t.ExpiresAt = t.CreatedAt.Add(life)
	}
	err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := insertToken(ctx, tx, &t); err != nil {
			return err
		}
		return audit.Record(ctx, tx, "token.create", t.ID, map[string]any{"name": name, "scopes": t.Scopes})
	})
	return t, secret, err
}

// Tokens lists the tokens of the signed-in person that still work.
func (s *Service) Tokens(ctx context.Context) ([]Token, error) {
	if err := authz.Require(ctx, authz.ActionOwnToken); err != nil {
		return nil, err
	}
	actor, _ := authz.From(ctx)
	return tokensOf(ctx, s.db, actor.ID, s.clock.Now())
}

// RevokeToken ends one of the signed-in person's tokens.
func (s *Service) RevokeToken(ctx context.Context, tokenID string) error {
	if err := authz.Require(ctx, authz.ActionOwnToken); err != nil {
		return err
	}
	actor, _ := authz.From(ctx)
	return s.db.InTx(ctx, s.clock, func(tx *db.Tx) error {
		if err := revoke(ctx, tx, tokenID, actor.ID); err != nil {
			if problem.Is(err, problem.KindNotFound) {
				return problem.NotFound("token", tokenID)
			}
			return err
		}
		return audit.Record(ctx, tx, "token.revoke", tokenID, nil)
	})
}

// ActorOfToken gives who acts with a token, or a problem of kind unauthorized.
func (s *Service) ActorOfToken(ctx context.Context, secret string) (authz.Actor, error) {
	refused := problem.Unauthorized("bad_token", "The API token is unknown, has expired or was revoked")
	if !strings.HasPrefix(secret, "tdm_") || len(secret) > 200 {
		return authz.Actor{}, refused
	}
	t, err := tokenByHash(ctx, s.db, tokenHash(secret))
	if problem.Is(err, problem.KindNotFound) {
		return authz.Actor{}, refused
	}
	if err != nil {
		return authz.Actor{}, err
	}
	now := s.clock.Now()
	if !t.RevokedAt.IsZero() || !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) {
		return authz.Actor{}, refused
	}
	p, err := s.Person(ctx, t.PersonID)
	if problem.Is(err, problem.KindNotFound) {
		return authz.Actor{}, refused
	}
	if err != nil {
		return authz.Actor{}, err
	}
	if now.Sub(t.LastUsedAt) > time.Minute {
		if err := s.db.InTx(ctx, s.clock, func(tx *db.Tx) error { return touchToken(ctx, tx, t.ID) }); err != nil {
			return authz.Actor{}, err
		}
	}
	a := p.Actor()
	a.Kind, a.Scopes = authz.KindIntegration, strings.Fields(t.Scopes)
	return a, nil
}

// RandomPassword gives a password of 120 random bits, in groups that a person
// can type.
func RandomPassword() string {
	s := randomText(15)
	var groups []string
	for len(s) >= 6 {
		groups, s = append(groups, s[:6]), s[6:]
	}
	return strings.Join(groups, "-")
}

func randomText(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b))
}

func tokenHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// Import takes people from the CRM, at most 500 at a time, and gives how many were
// new or changed: known ones are updated by CRM id, a user of Tandem with the same
// address is joined to them. A row that is no newer than the stored one is left
// alone. Level and password stay, but who left the company (not active any more)
// cannot sign in and their tokens end.
func Import(ctx context.Context, tx *db.Tx, list []Person) (int, error) {
	known, err := byCRMIDs(ctx, tx, crmIDs(list))
	if err != nil {
		return 0, err
	}
	n := 0
	for _, p := range list {
		old, ok := known[*p.CRMID]
		if !ok {
			if old, err = byEmail(ctx, tx, emailKey(p.Email)); err == nil && old.CRMID == nil {
				ok = true
			} else if err != nil && !problem.Is(err, problem.KindNotFound) {
				return n, err
			}
		}
		if ok {
			if !p.CRMModstamp.After(old.CRMModstamp) {
				continue
			}
			p.ID, p.Level, p.PasswordHash, p.CreatedAt, p.Version = old.ID, old.Level, old.PasswordHash, old.CreatedAt, old.Version
			if old.PasswordHash != "" && !p.Active {
				p.PasswordHash = ""
				if err := leave(ctx, tx, &old); err != nil {
					return n, err
				}
			}
		} else {
			p.ID, p.Level, p.CreatedAt = id.New("usr"), authz.LevelReader, tx.Now()
		}
		p.UpdatedAt = tx.Now()
		p.keys()
		if err := save(ctx, tx, &p); err != nil {
			return n, err
		}
		known[*p.CRMID] = p
		n++
	}
	return n, nil
}

func leave(ctx context.Context, tx *db.Tx, p *Person) error {
	if err := revokeAll(ctx, tx, p.ID); err != nil {
		return err
	}
	return audit.Record(ctx, tx, "user.disable", p.ID, map[string]any{"email": p.Email, "level": p.Level, "why": "not active in Salesforce"})
}

func crmIDs(list []Person) []string {
	var out []string
	for _, p := range list {
		out = append(out, *p.CRMID)
	}
	return out
}
