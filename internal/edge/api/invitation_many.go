package api

import (
	"context"
	"net/http"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// InvitationTaken is how accepting one of many invitations went, or would go.
type InvitationTaken struct {
	ID       string `json:"id"`
	Accepted bool   `json:"accepted" doc:"It is on its way, or with dry_run would be."`
	State    string `json:"state,omitempty"`
	Waiting  string `json:"waiting,omitempty" doc:"A Director decides first."`
	Code     string `json:"code,omitempty" doc:"Why not."`
	Error    string `json:"error,omitempty"`
}

func (s *server) registerInvitationsMany() {
	add(s, operation{
		id: "accept-invitations", method: http.MethodPost, path: "/invitations/accept", tag: "Invitations", summary: "Accept many invitations", action: authz.ActionAccept,
		about: "Each row has its own result; one that cannot be accepted does not fail the request. An acceptance cannot be taken back: try it with dry_run first.",
	}, s.acceptMany)
}

func (s *server) acceptMany(ctx context.Context, in *struct {
	Repeatable
	DryRun bool `query:"dry_run" doc:"As in the body."`
	Body   struct {
		IDs    []string `json:"ids" nullable:"false" maxItems:"200"`
		DryRun bool     `json:"dry_run,omitempty" doc:"Say what would become of each, and change nothing."`
	}
},
) (*all[InvitationTaken], error) {
	list := make([]invitation.Answer, len(in.Body.IDs))
	for i, id := range in.Body.IDs {
		list[i] = invitation.Answer{ID: id, DryRun: in.DryRun || in.Body.DryRun}
	}
	results, err := s.app.Invitations.AcceptMany(ctx, list)
	if err != nil {
		return nil, err
	}
	return allOf(mapped(results, func(x *invitation.Outcome) InvitationTaken {
		out := InvitationTaken{ID: x.ID, Accepted: x.Err == nil && x.Waiting == "", State: string(x.Invitation.State), Waiting: x.Waiting}
		if x.Err != nil {
			out.Code, out.Error = string(problem.KindOf(x.Err)), x.Err.Error()
		}
		return out
	})), nil
}
