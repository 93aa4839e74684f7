package api

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
)

// Account is one company of Salesforce.
type Account struct {
	ID           string    `json:"id" example:"acc_01jn8m5q4se9tvd6dy1v9k2r5c"`
	CRMID        string    `json:"crm_id" example:"001000000000001AAA"`
	Name         string    `json:"name" example:"Northwind Robotics"`
	Type         string    `json:"type"`
	Website      string    `json:"website"`
	Domains      string    `json:"domains"`
	DUNS         string    `json:"duns"`
	Industry     string    `json:"industry"`
	Phone        string    `json:"phone"`
	Street       string    `json:"street"`
	City         string    `json:"city"`
	State        string    `json:"state"`
	PostalCode   string    `json:"postal_code"`
	Country      string    `json:"country"`
	Segment      string    `json:"segment"`
	Geo          string    `json:"geo"`
	Region       string    `json:"region"`
	Territory    string    `json:"territory"`
	Employees    *int64    `json:"employees"`
	ParentCRMID  string    `json:"parent_crm_id"`
	OwnerCRMID   string    `json:"owner_crm_id"`
	OwnerName    string    `json:"owner_name"`
	AWSAccountID string    `json:"aws_account_id"`
	Deleted      bool      `json:"deleted" doc:"Deleted in Salesforce."`
	MergedInto   string    `json:"merged_into,omitempty" doc:"The account that it was merged into, as far as it is known."`
	CRMModstamp  time.Time `json:"crm_modstamp"`
	Version      int64     `json:"version"`
}

func accountOf(a *account.Account) Account {
	return Account{
		ID: a.ID, CRMID: a.CRMID, Name: a.Name, Type: a.Type, Website: a.Website, Domains: a.Domains, DUNS: a.DUNS, Industry: a.Industry,
		Phone: a.Phone, Street: a.Street, City: a.City, State: a.State, PostalCode: a.PostalCode, Country: a.Country, Segment: a.Segment, Geo: a.Geo,
		Region: a.Region, Territory: a.Territory, Employees: a.Employees, ParentCRMID: a.ParentCRMID, OwnerCRMID: a.OwnerCRMID, OwnerName: a.OwnerName,
		AWSAccountID: a.AWSAccountID, Deleted: a.Deleted, CRMModstamp: a.CRMModstamp, Version: a.Version,
	}
}

type accountsInput struct {
	Q     string `query:"q" maxLength:"200" doc:"In the name."`
	After string `query:"after" doc:"The cursor next of the page before."`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

func (s *server) registerAccounts() {
	add(s, operation{id: "list-accounts", method: http.MethodGet, path: "/accounts", tag: "Accounts", summary: "List accounts by name", action: authz.ActionRead},
		func(ctx context.Context, in *accountsInput) (*listed[Account], error) {
			cursor, err := base64.RawURLEncoding.DecodeString(in.After)
			if err != nil || in.After != "" && !strings.Contains(string(cursor), "\n") {
				return nil, problem.Invalid("after", "malformed", "This is not a cursor that a list gave: begin from the first page")
			}
			p, err := s.app.Accounts.List(ctx, in.Q, string(cursor), in.Limit)
			if err != nil {
				return nil, err
			}
			out := &listed[Account]{Body: Page[Account]{Items: mapped(p.Rows, accountOf)}}
			if p.Next != "" {
				out.Body.Next = base64.RawURLEncoding.EncodeToString([]byte(p.Next))
				v := url.Values{"after": {out.Body.Next}, "limit": {strconv.Itoa(in.Limit)}}
				if in.Q != "" {
					v.Set("q", in.Q)
				}
				out.Link, out.Body.NextLink = link("/accounts", v.Encode())
			}
			return out, nil
		})
	add(s, operation{id: "get-account", method: http.MethodGet, path: "/accounts/{id}", tag: "Accounts", summary: "Get an account", action: authz.ActionRead, also: []int{http.StatusNotModified, http.StatusNotFound}},
		func(ctx context.Context, in *struct {
			ConditionalRead
			ID string `path:"id" example:"acc_01jn8m5q4se9tvd6dy1v9k2r5c"`
		},
		) (*record[Account], error) {
			a, err := s.app.Accounts.Get(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			left, err := s.app.Accounts.Current(ctx, in.ID)
			if err != nil {
				return nil, err
			}
			out := accountOf(&a)
			if left.ID != a.ID {
				out.MergedInto = left.ID
			}
			return recordOf(a.Version, out)
		})
}
