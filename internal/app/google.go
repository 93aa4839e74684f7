package app

import (
	"fmt"
	"net/http"
	"os"

	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/connect/google"
	"github.com/tandem-cosell/tandem/internal/connect/salesforce"
)

// google makes Google's portal on the carrier that is configured; nil for none.
func (a *App) google() (*google.Portal, error) {
	g := a.Config.Google
	profile := google.Profile{ProductFamily: g.ProductFamily, SupportLevel: g.SupportLevel, DeliveryModel: g.DeliveryModel, ContractVehicle: g.ContractVehicle, ContactCustomer: g.ContactCustomer}
	switch g.Carrier {
	case GoogleHandOver:
		return google.NewPortal(&google.HandOver{Ledger: a.HandOvers}, profile, salesforce.FieldName), nil
	case GoogleAPI:
		key, err := os.ReadFile(g.KeyFile)
		if err != nil {
			return nil, problem.Invalid("google-key-file", "unreadable", fmt.Sprintf("The key file cannot be read: %v", err))
		}
		client, err := google.New(google.Config{
			Endpoint: g.Endpoint, PubSubEndpoint: g.PubSubEndpoint, KeyJSON: key, Partner: g.Partner, Subscription: g.Subscription,
			Clock: a.Clock, Logger: a.Log, Transport: a.Metrics.Transport("google", http.DefaultTransport),
		})
		if err != nil {
			return nil, err
		}
		return google.NewPortal(&google.API{Client: client}, profile, salesforce.FieldName), nil
	}
	return nil, nil
}
