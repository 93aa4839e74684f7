package api

import (
	"context"
	"net/http"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/view"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// View is a saved list.
type View struct {
	ID        string    `json:"id" example:"viw_01jn8m5q4se9tvd6dy1v9k2r5c"`
	Noun      string    `json:"noun" enum:"opportunity" doc:"What it is a list of."`
	Name      string    `json:"name" example:"AWS, blocked"`
	Query     string    `json:"query" example:"cloud=aws&state=blocked" doc:"The query string that shows the list again."`
	Shared    bool      `json:"shared"`
	Mine      bool      `json:"mine"`
	UpdatedAt time.Time `json:"updated_at"`
	Version   int64     `json:"version"`
}

func savedOf(v *view.View) View {
	return View{ID: v.ID, Noun: v.Noun, Name: v.Name, Query: v.Query, Shared: v.Shared, Mine: v.Mine, UpdatedAt: v.UpdatedAt, Version: v.Version}
}

func (s *server) registerViews() {
	add(s, operation{id: "list-views", method: http.MethodGet, path: "/views", tag: "Views", summary: "List one's own saved views and those others share", action: authz.ActionRead},
		func(ctx context.Context, in *struct {
			Noun string `query:"noun" enum:"opportunity" default:"opportunity"`
		},
		) (*all[View], error) {
			list, err := s.app.Views.List(ctx, in.Noun)
			if err != nil {
				return nil, err
			}
			return allOf(mapped(list, savedOf)), nil
		})
	add(s, operation{id: "save-view", method: http.MethodPost, path: "/views", tag: "Views", summary: "Save a view, or replace one's own of that name", action: authz.ActionSaveView},
		func(ctx context.Context, in *struct {
			Repeatable
			Body struct {
				Noun   string `json:"noun,omitempty" enum:"opportunity" default:"opportunity"`
				Name   string `json:"name" example:"AWS, blocked"`
				Query  string `json:"query" example:"cloud=aws&state=blocked" doc:"As in the address of the list."`
				Shared bool   `json:"shared,omitempty" doc:"Others see it, too."`
			}
		},
		) (*record[View], error) {
			v, err := s.app.Views.Save(ctx, in.Body.Noun, in.Body.Name, in.Body.Query, in.Body.Shared)
			if err != nil {
				return nil, err
			}
			return recordOf(v.Version, savedOf(&v))
		})
	add(s, operation{id: "delete-view", method: http.MethodDelete, path: "/views/{id}", tag: "Views", summary: "Delete one of one's own views", action: authz.ActionSaveView, status: http.StatusNoContent, also: []int{http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			Repeatable
			ID string `path:"id"`
		},
		) (*none, error) {
			return &none{}, s.app.Views.Delete(ctx, in.ID)
		})
}
