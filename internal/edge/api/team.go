package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// Person is somebody of ours.
type Person struct {
	ID       string `json:"id" example:"usr_01jn8m5q4se9tvd6dy1v9k2r5c"`
	CRMID    string `json:"crm_id" doc:"The user in Salesforce; empty for none."`
	Name     string `json:"name" example:"Ada Example"`
	Email    string `json:"email" example:"ada@example.com"`
	Title    string `json:"title"`
	RoleName string `json:"role_name"`
	Level    string `json:"level" enum:"reader,associate,abdm,senior,director,senior_director"`
	Region   string `json:"region"`
	Active   bool   `json:"active" doc:"In Salesforce."`
	SignsIn  bool   `json:"signs_in" doc:"Is a user of Tandem."`
	Version  int64  `json:"version"`
}

func personOf(p *team.Person) Person {
	out := Person{
		ID: p.ID, Name: p.Name, Email: p.Email, Title: p.Title, RoleName: p.RoleName, Level: string(p.Level), Region: p.Region,
		Active: p.Active, SignsIn: p.CanSignIn(), Version: p.Version,
	}
	if p.CRMID != nil {
		out.CRMID = *p.CRMID
	}
	return out
}

// Token is an API token without its secret.
type Token struct {
	ID         string     `json:"id" example:"tok_01jn8m5q4se9tvd6dy1v9k2r5c"`
	Name       string     `json:"name" example:"nightly export"`
	Hint       string     `json:"hint" doc:"Its last four characters."`
	Scopes     []string   `json:"scopes" nullable:"false"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func tokenOf(t *team.Token) Token {
	return Token{ID: t.ID, Name: t.Name, Hint: t.Hint, Scopes: strings.Fields(t.Scopes), CreatedAt: t.CreatedAt, ExpiresAt: at(t.ExpiresAt), LastUsedAt: at(t.LastUsedAt)}
}

// NewToken is a token just made.
type NewToken struct {
	Token  Token  `json:"token"`
	Secret string `json:"secret" example:"tdm_…" doc:"The token itself. It is shown this once."`
}

// NewUser is a user just made.
type NewUser struct {
	User     Person `json:"user"`
	Password string `json:"password,omitempty" doc:"The password that Tandem made. It is shown this once."`
}

const day = 24 * time.Hour

func (s *server) registerTeam() {
	add(s, operation{id: "list-people", method: http.MethodGet, path: "/people", tag: "Team", summary: "List the people of Salesforce who own or may own deals", action: authz.ActionRead},
		func(ctx context.Context, _ *struct{}) (*all[Person], error) {
			list, err := s.app.Team.People(ctx)
			if err != nil {
				return nil, err
			}
			return allOf(mapped(list, personOf)), nil
		})
	add(s, operation{id: "list-tokens", method: http.MethodGet, path: "/tokens", tag: "Team", summary: "List one's own API tokens", action: authz.ActionOwnToken},
		func(ctx context.Context, _ *struct{}) (*all[Token], error) {
			list, err := s.app.Team.Tokens(ctx)
			if err != nil {
				return nil, err
			}
			return allOf(mapped(list, tokenOf)), nil
		})
	add(s, operation{
		id: "create-token", method: http.MethodPost, path: "/tokens", tag: "Team", summary: "Make an API token", action: authz.ActionOwnToken, status: http.StatusCreated,
		about: "The secret is in this answer only. A token cannot make one with a scope that it lacks.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Body struct {
				Name      string   `json:"name" example:"nightly export"`
				Scopes    []string `json:"scopes" nullable:"false" uniqueItems:"true" enum:"read,write,admin" example:"[\"read\"]"`
				ExpiresIn int      `json:"expires_in_days,omitempty" minimum:"1" maximum:"3650" doc:"Left out, it never expires."`
			}
		},
		) (*struct{ Body NewToken }, error) {
			t, secret, err := s.app.Team.CreateToken(ctx, in.Body.Name, in.Body.Scopes, time.Duration(in.Body.ExpiresIn)*day)
			return &struct{ Body NewToken }{NewToken{Token: tokenOf(&t), Secret: secret}}, err
		})
	add(s, operation{id: "revoke-token", method: http.MethodDelete, path: "/tokens/{id}", tag: "Team", summary: "End one of one's own tokens", action: authz.ActionOwnToken, status: http.StatusNoContent, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			Repeatable
			ID string `path:"id"`
		},
		) (*none, error) {
			return &none{}, s.app.Team.RevokeToken(ctx, in.ID)
		})
	add(s, operation{id: "list-users", method: http.MethodGet, path: "/users", tag: "Team", summary: "List those who can sign in", action: authz.ActionManagePeople},
		func(ctx context.Context, _ *struct{}) (*all[Person], error) {
			list, err := s.app.Team.Users(ctx)
			if err != nil {
				return nil, err
			}
			return allOf(mapped(list, personOf)), nil
		})
	add(s, operation{id: "create-user", method: http.MethodPost, path: "/users", tag: "Team", summary: "Make a user, or a person of Salesforce one", action: authz.ActionManagePeople, status: http.StatusCreated},
		func(ctx context.Context, in *struct {
			Repeatable
			Body struct {
				Name     string `json:"name" example:"Ada Example"`
				Email    string `json:"email" example:"ada@example.com"`
				Level    string `json:"level" enum:"reader,associate,abdm,senior,director,senior_director" example:"abdm"`
				Password string `json:"password,omitempty" doc:"At least 12 characters. Left out, Tandem makes one and shows it once."`
			}
		},
		) (*struct{ Body NewUser }, error) {
			p, password, err := s.app.Team.CreateUser(ctx, team.NewUser{Name: in.Body.Name, Email: in.Body.Email, Level: authz.Level(in.Body.Level), Password: in.Body.Password})
			return &struct{ Body NewUser }{NewUser{User: personOf(&p), Password: password}}, err
		})
	add(s, operation{id: "set-user-level", method: http.MethodPut, path: "/users/{id}/level", tag: "Team", summary: "Move a user to another level", action: authz.ActionManagePeople, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			Repeatable
			ID   string `path:"id"`
			Body struct {
				Level string `json:"level" enum:"reader,associate,abdm,senior,director,senior_director" example:"senior"`
			}
		},
		) (*struct{ Body Person }, error) {
			p, err := s.user(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			if err := s.app.Team.SetLevel(ctx, p.Email, authz.Level(in.Body.Level)); err != nil {
				return nil, err
			}
			p, err = s.user(ctx, in.ID)
			return &struct{ Body Person }{personOf(&p)}, err
		})
	add(s, operation{id: "reset-user-password", method: http.MethodPost, path: "/users/{id}/password", tag: "Team", summary: "Give a user a new random password", action: authz.ActionManagePeople, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			Repeatable
			ID string `path:"id"`
		},
		) (*struct{ Body NewUser }, error) {
			p, err := s.user(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			password, err := s.app.Team.SetPassword(ctx, p.Email, "")
			return &struct{ Body NewUser }{NewUser{User: personOf(&p), Password: password}}, err
		})
	add(s, operation{id: "disable-user", method: http.MethodPost, path: "/users/{id}/disable", tag: "Team", summary: "Take a user's password away and end their sessions and tokens", action: authz.ActionManagePeople, status: http.StatusNoContent, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			Repeatable
			ID string `path:"id"`
		},
		) (*none, error) {
			p, err := s.user(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			return &none{}, s.app.Team.Disable(ctx, p.Email)
		})
}

// user gives a user whom somebody wants to change.
func (s *server) user(ctx context.Context, personID string) (team.Person, error) {
	if err := authz.Require(ctx, authz.ActionManagePeople); err != nil {
		return team.Person{}, err
	}
	return s.app.Team.Person(ctx, personID)
}
