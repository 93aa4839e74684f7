package account

import (
	"context"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/base/id"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/base/textkey"
	"github.com/tandem-cosell/tandem/internal/platform/db"
)

// Ref is what is known of a stored account without reading all of it.
type Ref struct {
	ID          string    `db:"id"`
	CRMID       string    `db:"crm_id"`
	Name        string    `db:"name"`
	CRMModstamp time.Time `db:"crm_modstamp"`
	Purged      bool      `db:"purged"`
	Version     int64     `db:"version"`
}

// Refs gives the stored accounts with these CRM ids, at most 500 of them.
func Refs(ctx context.Context, q db.Queryer, crmIDs []string) (map[string]Ref, error) {
	rows, err := db.Select[Ref](ctx, q, `SELECT id, crm_id, name, crm_modstamp, purged, version FROM account WHERE crm_id IN (?)`, crmIDs)
	out := make(map[string]Ref, len(rows))
	for _, r := range rows {
		out[r.CRMID] = r
	}
	return out, err
}

// Import takes accounts from the CRM, at most 500 at a time, and gives the CRM
// ids of those that were new or changed. A row that is no newer than the stored
// one is left alone. The names of accounts that changed, and the ids of new ones,
// are carried to their opportunities.
func Import(ctx context.Context, tx *db.Tx, list []Account) ([]string, error) {
	var ids []string
	for i := range list {
		ids = append(ids, list[i].CRMID)
	}
	known, err := Refs(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	var changed []Account
	var changedIDs, added []string
	at := map[string]int{}
	for _, a := range list {
		ref, ok := known[a.CRMID]
		if ok && !a.CRMModstamp.After(ref.CRMModstamp) && !ref.Purged {
			continue
		}
		a.ID = ref.ID
		if !ok {
			a.ID = id.New("acc")
			added = append(added, a.CRMID)
		}
		a.CreatedAt, a.UpdatedAt, a.Version = tx.Now(), tx.Now(), ref.Version+1
		a.Key()
		if i, twice := at[a.CRMID]; twice {
			a.Version = changed[i].Version
			changed[i] = a
		} else {
			at[a.CRMID] = len(changed)
			changed, changedIDs = append(changed, a), append(changedIDs, a.CRMID)
		}
		known[a.CRMID] = Ref{ID: a.ID, CRMID: a.CRMID, Name: a.Name, CRMModstamp: a.CRMModstamp, Version: a.Version}
		if ok && ref.Name != a.Name {
			if err := renameInOpportunities(ctx, tx, a.CRMID, a.Name); err != nil {
				return nil, err
			}
		}
	}
	if len(changed) == 0 {
		return nil, nil
	}
	if err := upsert(ctx, tx, changed); err != nil {
		return nil, err
	}
	return changedIDs, adopt(ctx, tx, added)
}

// adopt gives opportunities that came before their account its id.
func adopt(ctx context.Context, tx *db.Tx, crmIDs []string) error {
	if len(crmIDs) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `UPDATE opportunity SET account_id = (SELECT a.id FROM account a WHERE a.crm_id = opportunity.account_crm_id)
		WHERE account_id = '' AND account_crm_id IN (?)`, crmIDs)
	return err
}

func upsert(ctx context.Context, tx *db.Tx, rows []Account) error {
	columns, err := db.Columns[Account]("id", "crm_id")
	if err != nil {
		return err
	}
	columns = db.Without(columns, rows[0].Absent, map[string]string{"account.parent": "parent_crm_id", "account.owner": "owner_crm_id", "account.master": "master_crm_id"})
	_, err = db.UpsertMany(ctx, tx, "account", rows, []string{"crm_id"}, columns)
	return err
}

// The account's name is kept beside each opportunity, so that a list of them
// needs no join.
func renameInOpportunities(ctx context.Context, tx *db.Tx, crmID, name string) error {
	_, err := tx.Exec(ctx, `UPDATE opportunity SET account_name = ? WHERE account_crm_id = ?`, name, crmID)
	return err
}

// merges gives, by the CRM ids of accounts that were merged into another, that one as
// it is now: of the given accounts, and of those that were merged into them.
func merges(ctx context.Context, q db.Queryer, crmIDs []string) ([]Account, error) {
	return db.Select[Account](ctx, q, `SELECT * FROM account WHERE master_crm_id <> '' AND (crm_id IN (?) OR master_crm_id IN (?)) ORDER BY crm_id`, crmIDs, crmIDs)
}

// repoint has opportunities, and accounts below, name the master in place of a loser,
// and gives the opportunities (by CRM id) that named it.
func repoint(ctx context.Context, tx *db.Tx, loser string, master *Account) ([]string, error) {
	moved, err := db.Select[string](ctx, tx, `SELECT crm_id FROM opportunity WHERE account_crm_id = ? OR fulfillment_partner_crm_id = ? OR influence_partner_crm_id = ? OR dr_partner_crm_id = ?`,
		loser, loser, loser, loser)
	if err != nil {
		return nil, err
	}
	if _, err := tx.Exec(ctx, `UPDATE opportunity SET account_crm_id = ?, account_name = ?, account_id = ? WHERE account_crm_id = ?`, master.CRMID, master.Name, master.ID, loser); err != nil {
		return nil, err
	}
	for _, step := range []string{
		`UPDATE opportunity SET fulfillment_partner_crm_id = ?, fulfillment_partner = ? WHERE fulfillment_partner_crm_id = ?`,
		`UPDATE opportunity SET influence_partner_crm_id = ?, influence_partner = ? WHERE influence_partner_crm_id = ?`,
		`UPDATE opportunity SET dr_partner_crm_id = ?, dr_partner = ? WHERE dr_partner_crm_id = ?`,
	} {
		if _, err := tx.Exec(ctx, step, master.CRMID, master.Name, loser); err != nil {
			return nil, err
		}
	}
	_, err = tx.Exec(ctx, `UPDATE account SET parent_crm_id = ? WHERE parent_crm_id = ? AND crm_id <> ?`, master.CRMID, loser, master.CRMID)
	return moved, err
}

// Live gives the CRM ids of the accounts that are not deleted.
func Live(ctx context.Context, q db.Queryer) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT crm_id FROM account WHERE NOT deleted`)
}

// Purge notes of accounts, at most 500, that the CRM has them no more, not even in its
// recycle bin, and gives the CRM ids of those of which that is news.
func Purge(ctx context.Context, tx *db.Tx, crmIDs []string) ([]string, error) {
	news, err := db.Select[string](ctx, tx, `SELECT crm_id FROM account WHERE crm_id IN (?) AND NOT purged`, crmIDs)
	if err != nil || len(news) == 0 {
		return nil, err
	}
	_, err = tx.Exec(ctx, `UPDATE account SET deleted = true, purged = true, version = version + 1, updated_at = ? WHERE crm_id IN (?)`, tx.Now(), news)
	return news, err
}

// DeletedAmong gives which of the accounts, by CRM id and at most 500, are deleted.
func DeletedAmong(ctx context.Context, q db.Queryer, crmIDs []string) ([]string, error) {
	return db.Select[string](ctx, q, `SELECT crm_id FROM account WHERE crm_id IN (?) AND deleted`, crmIDs)
}

// ByCRMID gives one account; none is a problem of kind not_found.
func ByCRMID(ctx context.Context, q db.Queryer, crmID string) (Account, error) {
	a, err := db.Get[Account](ctx, q, `SELECT * FROM account WHERE crm_id = ?`, crmID)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("account", crmID)
	}
	return a, err
}

// ByID gives one account; none is a problem of kind not_found.
func ByID(ctx context.Context, q db.Queryer, accountID string) (Account, error) {
	a, err := db.Get[Account](ctx, q, `SELECT * FROM account WHERE id = ?`, accountID)
	if problem.Is(err, problem.KindNotFound) {
		err = problem.NotFound("account", accountID)
	}
	return a, err
}

// Count gives the number of accounts that are not deleted.
func Count(ctx context.Context, q db.Queryer) (int64, error) {
	return db.Get[int64](ctx, q, `SELECT count(*) FROM account WHERE NOT deleted`)
}

// Lookalikes gives the accounts that a company of this name and web host could be,
// the likeliest first: the same name, then the same host, then a name that begins
// with the same word. An empty host finds nothing.
func Lookalikes(ctx context.Context, q db.Queryer, name, host string, limit int) ([]Account, error) {
	key := textkey.Of(name)
	word, _, _ := strings.Cut(key, " ")
	if key == "" && host == "" {
		return nil, nil
	}
	byHost, byWord := "", ""
	if host != "" {
		byHost = db.Contains(host)
	}
	if len(word) > 2 { // not every "A" and "The"
		byWord = strings.TrimPrefix(db.Contains(word+" "), "%")
	}
	return db.Select[Account](ctx, q, `SELECT * FROM account WHERE NOT deleted
		AND (name_key = ? OR ? <> '' AND (lower(website) LIKE ? ESCAPE '\' OR lower(domains) LIKE ? ESCAPE '\') OR name_key = ? OR ? <> '' AND name_key LIKE ? ESCAPE '\')
		ORDER BY CASE WHEN name_key = ? THEN 0 WHEN ? <> '' AND (lower(website) LIKE ? ESCAPE '\' OR lower(domains) LIKE ? ESCAPE '\') THEN 1 ELSE 2 END, name_key, id LIMIT ?`,
		key, byHost, byHost, byHost, word, byWord, byWord, key, byHost, byHost, byHost, limit)
}

func page(ctx context.Context, q db.Queryer, like, afterKey, afterID string, limit int) ([]Account, error) {
	return db.Select[Account](ctx, q, `SELECT * FROM account WHERE NOT deleted AND name_key LIKE ? ESCAPE '\' AND (name_key, id) > (?, ?) ORDER BY name_key, id LIMIT ?`,
		like, afterKey, afterID, limit)
}
