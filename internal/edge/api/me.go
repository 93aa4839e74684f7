package api

import (
	"context"
	"net/http"

	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// Me is who asks.
type Me struct {
	ID         string   `json:"id" example:"usr_01jn8m5q4se9tvd6dy1v9k2r5c"`
	Name       string   `json:"name" example:"Ada Example"`
	Email      string   `json:"email" example:"ada@example.com"`
	CRMID      string   `json:"crm_id" doc:"The user in Salesforce; empty for none."`
	Level      string   `json:"level" enum:"reader,associate,abdm,senior,director,senior_director"`
	LevelLabel string   `json:"level_label" example:"Director"`
	Kind       string   `json:"kind" enum:"person,integration" doc:"integration: with a token."`
	Scopes     []string `json:"scopes" nullable:"false" doc:"Of the token; all of them in a browser session."`
	May        []string `json:"may" nullable:"false" doc:"The actions that level and scopes allow."`
}

// actions lists all actions of the policies.
func actions() []authz.Action {
	return []authz.Action{
		authz.ActionRead, authz.ActionReadOperations, authz.ActionSync, authz.ActionLog, authz.ActionMarkJoint, authz.ActionRegister,
		authz.ActionUpdate, authz.ActionLaunch, authz.ActionClose, authz.ActionAccept, authz.ActionReject, authz.ActionApprove, authz.ActionAsk,
		authz.ActionRetryJob, authz.ActionSaveView, authz.ActionChangeSettings, authz.ActionManagePeople, authz.ActionOwnToken, authz.ActionOwnPassword,
	}
}

func (s *server) registerMe() {
	add(s, operation{id: "get-me", method: http.MethodGet, path: "/me", tag: "Me", summary: "Who asks, and what they may do", action: authz.ActionRead},
		func(ctx context.Context, _ *struct{}) (*struct{ Body Me }, error) {
			if err := authz.Require(ctx, authz.ActionRead); err != nil {
				return nil, err
			}
			a, _ := authz.From(ctx)
			p, err := s.app.Team.Person(ctx, a.ID)
			if err != nil {
				return nil, err
			}
			me := Me{ID: a.ID, Name: p.Name, Email: p.Email, Level: string(a.Level), LevelLabel: a.Level.Label(), Kind: string(a.Kind), Scopes: a.Scopes, May: []string{}}
			if a.Scopes == nil {
				me.Scopes = authz.Scopes()
			}
			if p.CRMID != nil {
				me.CRMID = *p.CRMID
			}
			for _, action := range actions() {
				if authz.Require(ctx, action) == nil {
					me.May = append(me.May, string(action))
				}
			}
			return &struct{ Body Me }{me}, nil
		})
	add(s, operation{
		id: "change-password", method: http.MethodPut, path: "/me/password", tag: "Me", summary: "Change one's own password", action: authz.ActionOwnPassword, status: http.StatusNoContent,
		about: "The browser session that asks goes on, the person's others end; tokens stay. Wrong current passwords are slowed down as wrong sign-ins are.",
	},
		func(ctx context.Context, in *struct {
			Repeatable
			Body struct {
				Current string `json:"current" maxLength:"1024" doc:"The password of now."`
				New     string `json:"new" maxLength:"1024" doc:"At least 12 characters."`
			}
		},
		) (*none, error) {
			return &none{}, s.app.Team.ChangePassword(ctx, in.Body.Current, in.Body.New)
		})
}
