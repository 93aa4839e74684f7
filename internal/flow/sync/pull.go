package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/notify"
)

// Pull reads everything that changed in Salesforce since the last time into the
// mirror. What belongs to an opportunity comes before the opportunities, so that
// a new one is whole when it is checked. Killed at any moment, the next Pull
// begins where the last stored batch ended.
func (s *Service) Pull(ctx context.Context) error {
	if s.CRM == nil {
		return ErrNotConnected
	}
	state, err := automation.StateNow(ctx, s.DB)
	if err != nil || allOff(&state, pullFlows) {
		return err // nothing is asked, and nothing is known of Salesforce
	}
	records, failed := s.pull(ctx)
	if ctx.Err() != nil && failed != nil {
		return failed
	}
	if state, err = automation.StateNow(ctx, s.DB); err != nil {
		return err
	}
	whole := state.OffOf(automation.ReadRecords) == nil // and was not switched off meanwhile
	r := connection.Report{ID: "salesforce", Err: failed, Synced: failed == nil && whole, Records: records, Usage: s.CRM.Usage()}
	if rerr := s.Connections.Report(ctx, r); rerr != nil {
		return rerr
	}
	return failed
}

func (s *Service) pull(ctx context.Context) (int64, error) {
	if err := s.DB.Restore(ctx); err != nil { // of a first read that was cut
		return 0, err
	}
	detail, err := s.CRM.Check(ctx)
	if err != nil {
		return 0, err
	}
	others, err := s.beside(ctx)
	if err != nil {
		return 0, err
	}
	if err := s.Connections.Report(ctx, connection.Report{ID: "salesforce", Detail: detail + others, Usage: s.CRM.Usage()}); err != nil {
		return 0, err
	}
	var total int64
	err = s.run(ctx, automation.ReadRecords, func(ctx context.Context) error {
		n, err := s.readRecords(ctx)
		total += n
		return err
	})
	if err == nil {
		err = s.run(ctx, automation.ReadActivities, func(ctx context.Context) error {
			n, err := s.readActivities(ctx)
			total += n
			return err
		})
	}
	if err == nil && total >= analyzeAfter {
		if err := s.DB.InTx(ctx, s.Clock, func(tx *db.Tx) error { return analyze(ctx, tx) }); err != nil {
			return total, fmt.Errorf("analyze after %d records: %w", total, err)
		}
	}
	return total, err
}

// pullFlows are the flows of a pull.
var pullFlows = []automation.FlowID{automation.ReadRecords, automation.ReadActivities}

// readRecords reads what the flow of that name does.
func (s *Service) readRecords(ctx context.Context) (int64, error) {
	var total int64
	steps := []func(context.Context) (int64, error){}
	for _, o := range s.objects() {
		if o.object == opportunityObject {
			steps = append(steps, s.readCards, s.readClaims)
		}
		if steps = append(steps, o.changed); o.object == accountObject {
			steps = append(steps, func(ctx context.Context) (int64, error) { return 0, s.firstCards(ctx) })
		}
	}
	for _, step := range append(steps, s.readRows) {
		n, err := step(ctx)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// followed is an object whose records the mirror holds, and the two ways of reading
// it: what changed since the last time, and some records by their ids.
type followed struct {
	object  string
	changed func(context.Context) (int64, error)
	byIDs   func(context.Context, []string) error
}

// lookedAt reads records by their ids as a look at single ones does, which notes those
// that are not there any more.
func (f followed) lookedAt(m mirrored) followed {
	f.byIDs = func(ctx context.Context, ids []string) error { return lookInChunks(ctx, m, ids) }
	return f
}

func following[T any](s *Service, object, table string, source func(context.Context, connection.Read) iter.Seq2[T, error],
	stamp func(*T) time.Time, store func(context.Context, *db.Tx, []T) error,
) followed {
	return followed{
		object:  object,
		changed: func(ctx context.Context) (int64, error) { return read(ctx, s, object, table, source, stamp, store) },
		byIDs: func(ctx context.Context, ids []string) error {
			r := &reader[T]{s: s, object: object, source: source, stamp: stamp, store: store, quiet: true}
			return r.stream(ctx, connection.Read{IDs: ids})
		},
	}
}

// objects are what is mirrored, in the order in which it is read, but for activities,
// which follow it.
func (s *Service) objects() []followed {
	accounts := accountIDs{}
	return []followed{
		following(s, "User", "person", s.CRM.People, func(p *team.Person) time.Time { return p.CRMModstamp }, s.storePeople),
		following(s, accountObject, "account", s.CRM.Accounts, func(a *account.Account) time.Time { return a.CRMModstamp }, s.storeAccounts).lookedAt(s.mirroredAccounts()),
		following(s, "OpportunityTeamMember", "opportunity_member", s.CRM.Members, func(m *opportunity.Member) time.Time { return m.CRMModstamp }, s.storeMembers).lookedAt(s.mirroredMembers()),
		following(s, "OpportunityContactRole", "opportunity_contact", s.CRM.Contacts, func(c *opportunity.Contact) time.Time { return c.CRMModstamp }, s.storeContacts).lookedAt(s.mirroredContacts()),
		following(s, opportunityObject, "opportunity", s.CRM.Opportunities, func(o *opportunity.Opportunity) time.Time { return o.CRMModstamp },
			func(ctx context.Context, tx *db.Tx, rows []opportunity.Opportunity) error {
				return s.storeOpportunities(ctx, tx, accounts, rows)
			}).lookedAt(s.mirroredOpportunities()),
	}
}

const (
	accountObject     = "Account"
	opportunityObject = "Opportunity"
)

// reader is one object's records on their way into the mirror.
type reader[T any] struct {
	s      *Service
	object string
	table  string // where it is stored
	source func(context.Context, connection.Read) iter.Seq2[T, error]
	stamp  func(*T) time.Time
	store  func(context.Context, *db.Tx, []T) error
	quiet  bool // nobody is told how far it is

	mappedBy string           // the fingerprint of the mapping that it is read by
	mark     time.Time        // up to where everything is stored
	begun    connection.Begun // of the read under way
	breadth  breadth          // with which fields it was read
	progress Progress
}

// read streams the changed records of one object into the mirror.
func read[T any](ctx context.Context, s *Service, object, table string, source func(context.Context, connection.Read) iter.Seq2[T, error],
	stamp func(*T) time.Time, store func(context.Context, *db.Tx, []T) error,
) (int64, error) {
	r := &reader[T]{s: s, object: object, table: table, source: source, stamp: stamp, store: store, progress: Progress{Step: object}}
	err := r.run(ctx)
	if err == nil {
		r.progress.Ended = true
		s.Hub.Publish(notify.News{Topic: TopicSync, Data: r.progress})
	}
	return r.progress.Done, err
}

// run reads page by page or in bulk, as the number of records wants it. What
// changed since the last time is asked for at once, which costs one call when
// that is little; a first read counts first.
func (r *reader[T]) run(ctx context.Context) error {
	var err error
	// Asked before the read asks: what a mapping that was saved meanwhile reads is
	// read once more, and none is missed.
	if r.mappedBy, err = r.s.mappedBy(ctx, r.object); err != nil {
		return fmt.Errorf("read %s: %w", r.object, err)
	}
	if r.mark, err = cursor(ctx, r.s.DB, r.object, r.mappedBy); err != nil {
		return fmt.Errorf("read %s: %w", r.object, err)
	}
	if r.mark.IsZero() {
		size, err := r.s.CRM.Total(ctx, r.object, time.Time{})
		if err != nil {
			return fmt.Errorf("read %s: %w", r.object, err)
		}
		r.publish(size)
		bulk, err := r.s.inBulk(ctx, size)
		if err != nil {
			return fmt.Errorf("read %s: %w", r.object, err)
		}
		return r.first(ctx, size, connection.Read{Bulk: bulk, Begun: r.begins})
	}
	if r.breadth, err = breadthOf(ctx, r.s.DB, r.object); err != nil {
		return fmt.Errorf("read %s: %w", r.object, err)
	}
	since := r.mark.Add(-overlap)
	bulk, wider, asked := false, false, error(nil)
	first := connection.Read{Since: since, Begun: func(b connection.Begun) bool {
		if wider, asked = r.widened(ctx, b); wider || asked != nil {
			return false
		}
		r.begins(b)
		bulk, asked = r.s.inBulk(ctx, b.Total)
		return !bulk && asked == nil
	}}
	if err := r.stream(ctx, first); err != nil || asked != nil {
		return errors.Join(err, asked)
	}
	if wider {
		return r.again(ctx)
	}
	if bulk {
		return r.all(ctx, connection.Read{Since: since, Bulk: true, Begun: r.begins})
	}
	return r.keep(ctx)
}

// mappedBy gives the fingerprint of the mapping in force, "" for an object that is
// not mapped.
func (s *Service) mappedBy(ctx context.Context, object string) (string, error) {
	if s.Mappings == nil || !slices.Contains(mapping.Objects(), mapping.Object(object)) {
		return "", nil
	}
	m, err := s.Mappings.InForce(ctx)
	return m.Fingerprint(mapping.Object(object)), err
}

// first reads everything into a mirror that has nothing of it, or the part that an
// earlier try came to store.
func (r *reader[T]) first(ctx context.Context, size int64, what connection.Read) error {
	load := func() error { return r.all(ctx, what) }
	if size >= loadFrom {
		load = func() error { return r.s.DB.Load(ctx, r.table, func() error { return r.all(ctx, what) }) }
	}
	if err := load(); err != nil || r.begun.AsOf.IsZero() {
		return err
	}
	return r.s.DB.InTx(ctx, r.s.Clock, func(tx *db.Tx) error {
		if err := saveBreadth(ctx, tx, r.object, breadth{Fields: strings.Join(r.begun.Fields, " ")}); err != nil {
			return err
		}
		// What was deleted before is not in it: see Reconcile.
		return saveCursor(ctx, tx, reconciled(r.object), "", r.begun.AsOf)
	})
}

// all reads to the end, and keeps up to where that is.
func (r *reader[T]) all(ctx context.Context, what connection.Read) error {
	if err := r.stream(ctx, what); err != nil {
		return err
	}
	return r.keep(ctx)
}

func (r *reader[T]) begins(b connection.Begun) bool {
	r.begun = b
	if b.Total >= 0 && b.Total != r.progress.Total {
		r.publish(b.Total)
	}
	return true
}

func (r *reader[T]) publish(size int64) {
	r.progress.Total = size
	r.tell()
}

func (r *reader[T]) tell() {
	if r.quiet {
		return
	}
	r.s.Hub.Publish(notify.News{Topic: TopicSync, Data: r.progress})
}

// chunk is what one transaction stores.
type chunk[T any] struct {
	rows []T
	err  error
}

// stream stores the records as they come; perCommit of them and the new
// high-water mark are one transaction. Reading and storing go on side by side.
func (r *reader[T]) stream(ctx context.Context, what connection.Read) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	chunks := make(chan chunk[T], 1)
	go func() {
		defer close(chunks)
		r.fetch(ctx, what, chunks)
	}()
	for c := range chunks {
		if c.err != nil {
			return fmt.Errorf("read %s: %w", r.object, c.err)
		}
		if err := r.save(ctx, c.rows); err != nil {
			return fmt.Errorf("store %s: %w", r.object, err)
		}
		r.progress.Done += int64(len(c.rows))
		r.tell()
	}
	return ctx.Err()
}

// fetch sends the records in chunks, and after them the error that ended them.
func (r *reader[T]) fetch(ctx context.Context, what connection.Read, chunks chan<- chunk[T]) {
	send := func(c chunk[T]) bool {
		select {
		case chunks <- c:
			return true
		case <-ctx.Done():
			return false
		}
	}
	rows := make([]T, 0, perCommit)
	for row, err := range r.source(ctx, what) {
		if err != nil {
			if len(rows) == 0 || send(chunk[T]{rows: rows}) {
				send(chunk[T]{err: err})
			}
			return
		}
		if rows = append(rows, row); len(rows) == perCommit {
			if !send(chunk[T]{rows: rows}) {
				return
			}
			rows = make([]T, 0, perCommit)
		}
	}
	if len(rows) > 0 {
		send(chunk[T]{rows: rows})
	}
}

func (r *reader[T]) save(ctx context.Context, rows []T) error {
	// The mark moves with records that come in the order of their change only.
	last := time.Time{}
	if r.begun.Ordered {
		last = r.stamp(&rows[len(rows)-1])
	}
	if err := mayRead(ctx); err != nil {
		return err
	}
	var news int64
	counting := automation.WithTally(ctx, &news)
	err := r.s.DB.InTx(ctx, r.s.Clock, func(tx *db.Tx) error {
		news = 0
		for part := range slices.Chunk(rows, batch) {
			if err := r.store(counting, tx, part); err != nil {
				return err
			}
		}
		if last.After(r.mark) {
			return saveCursor(ctx, tx, r.object, r.mappedBy, last)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if last.After(r.mark) {
		r.mark = last
	}
	return counted(ctx, automation.Counts{Looked: int64(len(rows)), Changed: news, Unchanged: int64(len(rows)) - news})
}

// keep moves the mark to when the read began, once everything has come. Without,
// what a data load changed at one moment would be read with each read until
// something else changes, for it is as far behind the mark as overlap reaches. A
// bulk read that is killed before begins anew, and what is stored already costs a
// look only.
func (r *reader[T]) keep(ctx context.Context) error {
	if !r.begun.AsOf.After(r.mark) {
		return nil
	}
	if err := r.s.DB.InTx(ctx, r.s.Clock, func(tx *db.Tx) error { return saveCursor(ctx, tx, r.object, r.mappedBy, r.begun.AsOf) }); err != nil {
		return fmt.Errorf("store %s: %w", r.object, err)
	}
	return nil
}

// DefaultBulkFrom is from how many records on an object is read in bulk: a job
// takes some seconds before its first record, for which 25 pages of 2,000 are
// read.
const DefaultBulkFrom = 50_000

// loadFrom is from how many records on a first read stores them without indexes,
// which are made at its end. So few take seconds either way.
const loadFrom = 20_000

const (
	pageRecords = 2000 // in one call of a read page by page
	fewPages    = 10   // so many are read without asking what the day has left
)

// inBulk decides how so many records are read: in bulk when they are many, or when
// the day has too few calls left for their pages, under the share of it that is
// left to background work; page by page when it has no bulk job left.
func (s *Service) inBulk(ctx context.Context, size int64) (bool, error) {
	pages := (size + pageRecords - 1) / pageRecords
	if pages <= fewPages {
		return false, nil
	}
	left, err := s.CRM.Allowance(ctx)
	if err != nil {
		return false, err
	}
	from := s.BulkFrom
	if from <= 0 {
		from = DefaultBulkFrom
	}
	return left.BulkJobs > 0 && (size >= from || pages > left.Calls), nil
}

func (s *Service) storePeople(ctx context.Context, tx *db.Tx, rows []team.Person) error {
	n, err := team.Import(ctx, tx, rows)
	automation.Tally(ctx, n)
	return err
}

func (s *Service) storeAccounts(ctx context.Context, tx *db.Tx, rows []account.Account) error {
	changed, err := account.Import(ctx, tx, rows)
	automation.Tally(ctx, len(changed))
	if err != nil || len(changed) == 0 {
		return err
	}
	if err := s.followMerges(ctx, tx, changed); err != nil {
		return err
	}
	return s.changedAccounts(ctx, tx, changed)
}

func (s *Service) storeMembers(ctx context.Context, tx *db.Tx, rows []opportunity.Member) error {
	parents, err := opportunity.ImportMembers(ctx, tx, rows)
	automation.Tally(ctx, len(parents))
	if err != nil {
		return err
	}
	return s.changedParents(ctx, tx, parents)
}

func (s *Service) storeContacts(ctx context.Context, tx *db.Tx, rows []opportunity.Contact) error {
	parents, err := opportunity.ImportContacts(ctx, tx, rows)
	automation.Tally(ctx, len(parents))
	if err != nil {
		return err
	}
	return s.changedParents(ctx, tx, parents)
}

func (s *Service) changedParents(ctx context.Context, tx *db.Tx, crmIDs []string) error {
	if len(crmIDs) == 0 {
		return nil
	}
	list, err := opportunity.ByCRMIDs(ctx, tx, crmIDs)
	if err != nil || len(list) == 0 {
		return err
	}
	return s.changedAround(ctx, tx, list)
}

// changedAround has opportunities looked at again because something that
// belongs to them changed.
func (s *Service) changedAround(ctx context.Context, tx *db.Tx, list []opportunity.Opportunity) error {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].CRMID
	}
	if err := opportunity.Touch(ctx, tx, ids); err != nil {
		return err
	}
	for i := range list { // as they are now: what is compared with an older one is due
		list[i].Version++
	}
	return s.Opportunities.Changed(ctx, tx, list)
}

// accountIDs is the ids of accounts that one read has met, by their CRM ids. They
// never change.
type accountIDs map[string]string

// manyAccounts is how many are kept: 10 MB.
const manyAccounts = 100_000

// meet finds the ids of accounts, at most 500, that were not met yet.
func (a accountIDs) meet(ctx context.Context, tx *db.Tx, rows []opportunity.Opportunity) error {
	if len(a) > manyAccounts {
		clear(a)
	}
	var unknown []string
	for i := range rows {
		if _, known := a[rows[i].AccountCRMID]; !known && rows[i].AccountCRMID != "" {
			unknown = append(unknown, rows[i].AccountCRMID)
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	refs, err := account.Refs(ctx, tx, unknown)
	for crmID, ref := range refs {
		a[crmID] = ref.ID
	}
	return err
}

func (s *Service) storeOpportunities(ctx context.Context, tx *db.Tx, accounts accountIDs, rows []opportunity.Opportunity) error {
	if err := accounts.meet(ctx, tx, rows); err != nil {
		return err
	}
	for i := range rows {
		rows[i].AccountID = accounts[rows[i].AccountCRMID]
	}
	changed, err := opportunity.Import(ctx, tx, rows)
	automation.Tally(ctx, len(changed))
	if err != nil || len(changed) == 0 {
		return err
	}
	if err := s.Invitations.Arrived(ctx, tx, changed); err != nil {
		return err
	}
	m, err := s.Opportunities.Matcher(ctx, tx)
	if err != nil {
		return err
	}
	touched, err := opportunity.Decide(ctx, tx, m, changed)
	if err != nil {
		return err
	}
	if len(touched) > 0 {
		if err := s.Opportunities.Changed(ctx, tx, touched); err != nil { // which looks at their tags, too
			return err
		}
	}
	done := make(map[string]bool, len(touched))
	for i := range touched {
		done[touched[i].ID] = true
	}
	others := slices.DeleteFunc(changed, func(o opportunity.Opportunity) bool { return done[o.ID] })
	if err := s.Tagging.Check(ctx, tx, others); err != nil {
		return err
	}
	return s.Routes.Check(ctx, tx, others)
}
