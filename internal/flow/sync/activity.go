package sync

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/platform/db"
	"github.com/tandem-cosell/tandem/internal/platform/notify"
)

var activityObjects = []activity.Object{activity.ObjectTask, activity.ObjectEvent}

// pushRecorded writes what people recorded: it looks at what Salesforce holds of each,
// merges, and writes what is left to write, until nothing waits.
func (s *Service) pushRecorded(ctx context.Context) error {
	for {
		due, err := s.Activities.Due(ctx, pushBatch)
		if err != nil || len(due) == 0 {
			return err
		}
		found, err := s.lookAt(ctx, due)
		if err != nil {
			return err
		}
		if due, err = s.onRecordsThere(ctx, due, found); err != nil {
			return err
		}
		writes, err := s.Activities.Plan(ctx, due, found)
		if err != nil {
			return err
		}
		if len(writes) > 0 {
			results, err := s.CRM.WriteActivities(ctx, writes)
			if err != nil {
				return err
			}
			writes, results, err = keepFound(ctx, s, writes, results, func(w *activity.Write, res *activity.Written) (string, bool) { return w.WhatCRMID, res.Lost })
			if err != nil {
				return err
			}
			if _, err := s.Activities.Written(ctx, writes, results); err != nil {
				return err
			}
			for _, r := range results {
				if err := r.Passing(); err != nil {
					return err
				}
			}
		}
		s.Hub.Publish(notify.News{Topic: "activities"})
	}
}

// onRecordsThere leaves out the activities whose record in Salesforce is deleted because
// the opportunity or account that it is on is: they wait until that is back.
func (s *Service) onRecordsThere(ctx context.Context, due []activity.Due, found map[string]activity.Remote) ([]activity.Due, error) {
	var on []string
	for i := range due {
		if r, ok := found[due[i].CRMKey]; due[i].WhatCRMID != "" && (ok && r.Deleted || !ok && due[i].CRMTaskID != "") {
			on = append(on, due[i].WhatCRMID)
		}
	}
	deleted, err := s.lost(ctx, on)
	return slices.DeleteFunc(due, func(d activity.Due) bool { return deleted[d.WhatCRMID] }), err
}

// lookAt gives what Salesforce holds of activities, by their keys.
func (s *Service) lookAt(ctx context.Context, due []activity.Due) (map[string]activity.Remote, error) {
	found := map[string]activity.Remote{}
	for _, o := range activityObjects {
		var keys []string
		for i := range due {
			if due[i].CRMObject == o {
				keys = append(keys, due[i].CRMKey)
			}
		}
		if len(keys) == 0 {
			continue
		}
		some, err := s.CRM.LookActivities(ctx, o, keys)
		if err != nil {
			return nil, err
		}
		maps.Copy(found, some)
	}
	return found, nil
}

// watchBatch is for how many opportunities the activities are asked for in one go.
const watchBatch = 250

// readActivities reads the Tasks and Events of opportunities that became joint since the
// last time, and then those that changed.
func (s *Service) readActivities(ctx context.Context) (int64, error) {
	for _, o := range activityObjects {
		if err := s.firstMark(ctx, o); err != nil {
			return 0, fmt.Errorf("read %s: %w", o, err)
		}
	}
	total, err := s.watchNew(ctx)
	if err != nil {
		return total, err
	}
	for _, o := range activityObjects {
		n, err := s.activityMirror(o).changed(ctx)
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// watchNew reads the activities of opportunities that became joint since the last
// time.
func (s *Service) watchNew(ctx context.Context) (int64, error) {
	var total int64
	for after := ""; ; {
		list, err := s.Activities.Unwatched(ctx, after, watchBatch)
		if err != nil {
			return total, err
		}
		if len(list) == 0 {
			return total, nil
		}
		after = list[len(list)-1].OpportunityID
		if err := mayRead(ctx); err != nil {
			return total, err
		}
		n, err := s.watch(ctx, list)
		total += n
		if err == nil {
			err = counted(ctx, automation.Counts{Looked: n, Changed: n})
		}
		if err != nil {
			return total, err
		}
	}
}

// firstMark sets where the reading of changes begins: what was there before is read
// with its opportunity.
func (s *Service) firstMark(ctx context.Context, o activity.Object) error {
	return s.beginAt(ctx, string(o), func(ctx context.Context) (time.Time, error) { return s.CRM.NewestActivity(ctx, o) })
}

// beginAt sets the mark of an object that was never read to where its newest record is.
func (s *Service) beginAt(ctx context.Context, object string, newest func(context.Context) (time.Time, error)) error {
	mark, err := cursor(ctx, s.DB, object, "")
	if err != nil || !mark.IsZero() {
		return err
	}
	if mark, err = newest(ctx); err != nil {
		return err
	}
	if mark.IsZero() {
		mark = time.Unix(0, 0).UTC()
	}
	return s.DB.InTx(ctx, s.Clock, func(tx *db.Tx) error { return saveCursor(ctx, tx, object, "", mark) })
}

// watch reads all activities of opportunities, and stores them in the transaction that
// begins to follow them.
func (s *Service) watch(ctx context.Context, list []activity.Watched) (int64, error) {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].OpportunityCRMID
	}
	var rows []activity.Remote
	for _, o := range activityObjects {
		for r, err := range s.CRM.ActivitiesOf(ctx, o, ids) {
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", o, err)
			}
			rows = append(rows, r)
		}
	}
	var total int64
	err := s.DB.InTx(ctx, s.Clock, func(tx *db.Tx) error {
		total = 0
		if err := s.Activities.Watch(ctx, tx, list); err != nil {
			return err
		}
		return s.storeActivities(ctx, tx, rows, &total)
	})
	return total, err
}

func (s *Service) storeActivities(ctx context.Context, tx *db.Tx, rows []activity.Remote, total *int64) error {
	for some := range slices.Chunk(rows, batch) {
		n, err := s.Activities.Import(ctx, tx, some)
		automation.Tally(ctx, n)
		if err != nil {
			return err
		}
		*total += int64(n)
	}
	return nil
}

// activityMirror reads the Tasks or Events, whatever they are about: one that was
// moved to another record has to be seen.
func (s *Service) activityMirror(o activity.Object) followed {
	var stored int64
	source := func(ctx context.Context, what connection.Read) iter.Seq2[activity.Remote, error] {
		return s.CRM.ChangedActivities(ctx, o, what)
	}
	m := following(s, string(o), "activity", source, func(r *activity.Remote) time.Time { return r.Stamp }, func(ctx context.Context, tx *db.Tx, rows []activity.Remote) error {
		return s.storeActivities(ctx, tx, rows, &stored)
	})
	told := func(err error) (int64, error) {
		if stored > 0 {
			s.Hub.Publish(notify.News{Topic: "activities"})
		}
		return stored, err
	}
	return followed{
		object: m.object,
		changed: func(ctx context.Context) (int64, error) {
			_, err := m.changed(ctx)
			return told(err)
		},
		byIDs: func(ctx context.Context, ids []string) error {
			_, err := told(m.byIDs(ctx, ids))
			return err
		},
	}
}
