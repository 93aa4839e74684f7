package app

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/tandem-cosell/tandem/internal/base/date"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/microsoft"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
	"github.com/tandem-cosell/tandem/internal/platform/secret"
)

// microsoft makes the portal of Partner Center.
func (a *App) microsoft() (*microsoft.Portal, error) {
	m := &a.Config.Microsoft
	solutions, err := microsoft.ParseSolutions(m.Solutions)
	if err != nil {
		return nil, problem.Invalid("microsoft-solutions", "malformed", err.Error())
	}
	store, err := secret.New(a.DB, a.Clock, m.ClientSecret)
	if err != nil {
		return nil, err
	}
	client, err := microsoft.New(microsoft.Config{
		Endpoint: m.Endpoint, HookEndpoint: m.HookEndpoint, LoginURL: m.LoginURL, ClientID: m.ClientID, ClientSecret: m.ClientSecret, RefreshToken: m.RefreshToken,
		SecretUntil: date.Date(m.SecretUntil).Time(), Vault: vault{store}, Clock: a.Clock, Logger: a.Log, Transport: a.Metrics.Transport("azure", http.DefaultTransport),
	})
	if err != nil {
		return nil, err
	}
	return microsoft.NewPortal(client, microsoft.Profile{
		DealType: microsoft.DealType(m.DealType), Assistance: m.Assistance, Phone: m.Phone, Solutions: solutions, KeepRegistrable: !m.WinAtOnce,
	}, salesforce.FieldName), nil
}

// vault keeps the sign-in at Microsoft among the secrets.
type vault struct{ store *secret.Store }

const signInSecret = "microsoft_sign_in"

// Load gives the sign-in that was kept; one that cannot be opened is none.
func (v vault) Load(ctx context.Context) (microsoft.SignIn, error) {
	var s microsoft.SignIn
	text, err := v.store.Load(ctx, signInSecret)
	if problem.Is(err, problem.KindNotFound) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(text), &s)
}

// Save keeps a sign-in.
func (v vault) Save(ctx context.Context, s microsoft.SignIn) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return v.store.Save(ctx, signInSecret, string(text))
}
