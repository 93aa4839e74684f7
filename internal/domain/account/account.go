// Package account answers "which company is this?": the mirror of the
// Salesforce accounts. Salesforce is their master; Tandem only reads them.
package account

import (
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/textkey"
)

// Account is one company as Salesforce knows it. Country is what the CRM says
// (a code or a name); it is made a code only where a portal needs one. A deleted
// account with a master was merged into it.
type Account struct {
	ID           string    `db:"id" json:"id"`
	CRMID        string    `db:"crm_id" json:"crm_id"`
	Name         string    `db:"name" json:"name"`
	NameKey      string    `db:"name_key" json:"-"`
	Type         string    `db:"type" json:"type"`
	Website      string    `db:"website" json:"website"`
	Domains      string    `db:"domains" json:"domains"`
	DUNS         string    `db:"duns" json:"duns"`
	Industry     string    `db:"industry" json:"industry"`
	Phone        string    `db:"phone" json:"phone"`
	Street       string    `db:"street" json:"street"`
	City         string    `db:"city" json:"city"`
	State        string    `db:"state" json:"state"`
	PostalCode   string    `db:"postal_code" json:"postal_code"`
	Country      string    `db:"country" json:"country"`
	Segment      string    `db:"segment" json:"segment"`
	Geo          string    `db:"geo" json:"geo"`
	Region       string    `db:"region" json:"region"`
	Territory    string    `db:"territory" json:"territory"`
	Employees    *int64    `db:"employees" json:"employees"`
	ParentCRMID  string    `db:"parent_crm_id" json:"parent_crm_id"`
	OwnerCRMID   string    `db:"owner_crm_id" json:"owner_crm_id"`
	OwnerName    string    `db:"owner_name" json:"owner_name"`
	AWSAccountID string    `db:"aws_account_id" json:"aws_account_id"`
	MasterCRMID  string    `db:"master_crm_id" json:"master_crm_id"` // the account that it was merged into
	Deleted      bool      `db:"deleted" json:"deleted"`
	Purged       bool      `db:"purged" json:"purged"` // gone for good, or out of our user's sight
	CRMModstamp  time.Time `db:"crm_modstamp" json:"crm_modstamp"`
	CreatedAt    time.Time `db:"created_at,insert" json:"-"`
	UpdatedAt    time.Time `db:"updated_at" json:"updated_at"`
	Version      int64     `db:"version" json:"version"`

	// Absent names what the CRM has no field for that our user sees
	// ("account.website"): it says nothing of that; only where it comes from there.
	Absent []string `db:"-" json:"-"`
}

// Same reports whether the account is surely the company of this name and web host:
// it has the name, or its website or one of its domains is the host.
func Same(a *Account, name, host string) bool {
	if key := textkey.Of(name); key != "" && a.NameKey == key {
		return true
	}
	if host == "" {
		return false
	}
	for _, s := range strings.FieldsFunc(strings.ToLower(a.Domains+","+a.Website), func(r rune) bool { return strings.ContainsRune(",; /:", r) }) {
		if strings.TrimPrefix(s, "www.") == host {
			return true
		}
	}
	return false
}

// Key sets what is computed from the name.
func (a *Account) Key() { a.NameKey = textkey.Of(a.Name) }
