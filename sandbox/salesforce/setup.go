package salesforce

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandem-cosell/tandem/sandbox/kit"
	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// setup is what an administrator has made of the organisation, beyond its
// schema. It is replaced as a whole.
type setup struct {
	// Rules refuse a record for which their condition holds.
	Rules []validationRule `json:"validation_rules,omitempty"`
	// Fields change what the schema says of fields.
	Fields []fieldSetup `json:"fields,omitempty"`
	// Access limits what users see and may write.
	Access []accessSetup `json:"access,omitempty"`
	// Packages are the managed packages that are installed: aws_connector, tackle.
	Packages []string `json:"packages,omitempty"`
}

// validationRule is one validation rule. When is the condition of a SOQL WHERE
// over the record as it would be saved: a record for which it holds is refused.
type validationRule struct {
	Object  string `json:"object"`
	Name    string `json:"name"`
	When    string `json:"when"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"` // where the message shows; "" for the top of the page
}

// fieldSetup changes one field. Members that are left out change nothing.
type fieldSetup struct {
	Object     string   `json:"object"`
	Field      string   `json:"field"`
	Required   bool     `json:"required,omitempty"`
	Unique     bool     `json:"unique,omitempty"`
	Restricted bool     `json:"restricted,omitempty"` // only the values of the picklist are taken
	Values     []string `json:"values,omitempty"`     // of the picklist
}

// The levels of access.
const (
	accessNone = "none" // hidden: it is as if it were not there
	accessRead = "read"
	accessEdit = "edit"
)

// accessSetup gives a user a level on an object (Field empty) or on one of its
// fields. Who and what is not named has edit.
type accessSetup struct {
	User   string `json:"user,omitempty"` // a username; "" is the integration user
	Object string `json:"object"`
	Field  string `json:"field,omitempty"`
	Level  string `json:"level"`
}

// ruling is a setup made ready for use. It never changes; a new setup makes a
// new one.
type ruling struct {
	setup  setup
	since  time.Time // when it came to hold
	rules  map[*object][]validationRule
	fields map[*field]*fieldSetup
	values map[*field]map[string]any // the picklist's values, as field.valueSet
	access map[string]map[*object]*objectAccess
	absent map[*object]*objectAccess // objects of packages that are not installed: nobody knows of them
}

// objectAccess is what one user may do with one object.
type objectAccess struct {
	level  string
	fields map[*field]string
	view   *soql.Object // without what is hidden
}

// sees says whether the user knows of the field. A nil access sees all.
func (a *objectAccess) sees(f *field) bool { return a == nil || a.fields[f] != accessNone }

// writes says whether the user may set the field.
func (a *objectAccess) writes(f *field) bool {
	return a == nil || a.level == accessEdit && (a.fields[f] == "" || a.fields[f] == accessEdit)
}

// required says whether the field was made required, and unique whether it was
// made unique, beyond the schema.
func (r *ruling) required(f *field) bool { return r.fields[f] != nil && r.fields[f].Required }
func (r *ruling) unique(f *field) bool   { return r.fields[f] != nil && r.fields[f].Unique }

// restricted says whether the picklist takes its own values only.
func (r *ruling) restricted(f *field) bool {
	return f.restricted || r.fields[f] != nil && r.fields[f].Restricted
}

// takes says whether the picklist takes a value.
func (r *ruling) takes(f *field, choice string) bool {
	if !r.restricted(f) {
		return true
	}
	values := f.valueSet
	if v := r.values[f]; v != nil {
		values = v
	}
	return values[choice] != nil || values[strings.ToLower(choice)] != nil
}

// choices gives the picklist's values in their order.
func (r *ruling) choices(f *field) []string {
	if fs := r.fields[f]; fs != nil && len(fs.Values) > 0 {
		return fs.Values
	}
	return f.values
}

// accessTo gives the user's access to the object; nil is all.
func (r *ruling) accessTo(userID string, o *object) *objectAccess { return r.accessOf(userID)[o] }

// accessOf gives the user's access to all objects to which it is not whole.
func (r *ruling) accessOf(userID string) map[*object]*objectAccess {
	if own := r.access[userID]; own != nil {
		return own
	}
	return r.absent
}

// makeRuling checks a setup. The store is held.
func (s *Server) makeRuling(in setup, since time.Time) (*ruling, error) {
	r := &ruling{
		setup: in, since: since, rules: map[*object][]validationRule{}, fields: map[*field]*fieldSetup{},
		values: map[*field]map[string]any{}, access: map[string]map[*object]*objectAccess{},
	}
	for _, rule := range in.Rules {
		o, f, err := s.named(rule.Object, rule.Field)
		switch {
		case err != nil:
		case rule.Name == "" || rule.Message == "":
			err = errors.New("it needs a name and a message")
		default:
			_, err = s.compileRule(o, rule)
		}
		if err != nil {
			return nil, fmt.Errorf("validation rule %q: %w", rule.Name, err)
		}
		if f != nil {
			rule.Field = f.name
		}
		r.rules[o] = append(r.rules[o], rule)
	}
	for i := range in.Fields {
		if err := s.ruleField(r, &in.Fields[i]); err != nil {
			return nil, fmt.Errorf("field %s.%s: %w", in.Fields[i].Object, in.Fields[i].Field, err)
		}
	}
	if err := s.rulePackages(r, in.Packages); err != nil {
		return nil, err
	}
	for _, a := range in.Access {
		if err := s.ruleAccess(r, a); err != nil {
			return nil, fmt.Errorf("access to %s.%s: %w", a.Object, a.Field, err)
		}
	}
	for _, objects := range r.access {
		for o, a := range objects {
			a.view = o.without(func(f *field) bool { return !a.sees(f) })
		}
	}
	return r, nil
}

// plainRuling is what holds before anybody set anything up.
func (s *Server) plainRuling(since time.Time) *ruling {
	r := &ruling{since: since}
	_ = s.rulePackages(r, nil) // only an installed one can be unknown
	return r
}

// rulePackages hides what belongs to packages that are not installed.
func (s *Server) rulePackages(r *ruling, installed []string) error {
	known := map[string]bool{}
	r.absent = map[*object]*objectAccess{}
	for _, o := range s.store.schema.objects {
		known[o.pkg] = true
		if o.pkg != "" && !slices.Contains(installed, o.pkg) {
			r.absent[o] = &objectAccess{level: accessNone, fields: map[*field]string{}}
		}
	}
	for _, name := range installed {
		if !known[name] || name == "" {
			return fmt.Errorf("there is no package %q: aws_connector and tackle are", name)
		}
	}
	return nil
}

// named finds an object and, unless its name is empty, a field of it.
func (s *Server) named(object, name string) (*object, *field, error) {
	o, ok := s.store.schema.object(object)
	if !ok {
		return nil, nil, fmt.Errorf("there is no object %q", object)
	}
	if name == "" {
		return o, nil, nil
	}
	f := o.field(name)
	if f == nil {
		return nil, nil, fmt.Errorf("%s has no field %q", o.Name, name)
	}
	return o, f, nil
}

func (s *Server) ruleField(r *ruling, in *fieldSetup) error {
	o, f, err := s.named(in.Object, in.Field)
	switch {
	case err != nil:
		return err
	case f == nil:
		return errors.New("name the field")
	case (in.Required || in.Unique) && (f.readonly || f.audit):
		return errors.New("the system sets it: it can be neither required nor unique")
	case in.Unique && (!f.text() || f.long()):
		return errors.New("only texts can be unique here")
	case (len(in.Values) > 0 || in.Restricted) && f.typ != soql.TypePicklist && f.typ != soql.TypeMultiPicklist:
		return errors.New("it is no picklist")
	}
	if in.Unique {
		if err := s.store.tables[o].indexUnique(f); err != nil {
			return err
		}
	}
	if len(in.Values) > 0 {
		values := map[string]any{}
		for _, v := range in.Values {
			values[v], values[strings.ToLower(v)] = v, v
		}
		r.values[f] = values
	}
	r.fields[f] = in
	return nil
}

// indexUnique makes the index of a field that becomes unique. Records that share
// a value prevent it, as in Salesforce.
func (t *table) indexUnique(f *field) error {
	idx, ok := t.index[f.index]
	if !ok {
		idx = map[string][]int32{}
		for slot, row := range t.rows {
			if row != nil {
				t.enter(idx, f.index, row, int32(slot))
			}
		}
	}
	for _, slots := range idx {
		live := 0
		for _, slot := range slots {
			if !t.deleted(t.rows[slot]) {
				live++
			}
		}
		if live > 1 {
			return fmt.Errorf("%d records share the value %v", live, t.rows[slots[0]][f.index])
		}
	}
	t.index[f.index] = idx
	return nil
}

func (s *Server) ruleAccess(r *ruling, in accessSetup) error {
	o, f, err := s.named(in.Object, in.Field)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{accessNone, accessRead, accessEdit}, in.Level) {
		return fmt.Errorf("the level is none, read or edit, not %q", in.Level)
	}
	if f != nil && (f.audit || f.nameField || f.required) && in.Level == accessNone {
		return errors.New("everybody who sees the object sees this field")
	}
	userID := s.org.UserID
	if in.User != "" {
		users := s.store.table("User")
		ids := users.find(users.obj.field("Username"), in.User, "")
		if len(ids) == 0 {
			return fmt.Errorf("there is no user %q", in.User)
		}
		userID = ids[0]
	}
	objects := r.access[userID]
	if objects == nil {
		objects = maps.Clone(r.absent)
		r.access[userID] = objects
	}
	a := objects[o]
	if a == nil {
		a = &objectAccess{level: accessEdit, fields: map[*field]string{}}
		objects[o] = a
	}
	if f == nil {
		a.level = in.Level
	} else {
		a.fields[f] = in.Level
	}
	return nil
}

// without gives the object's description without the hidden fields.
func (o *object) without(hidden func(*field) bool) *soql.Object {
	view := o.Object
	view.Fields = slices.Clone(o.Fields)
	for i, f := range o.fields {
		view.Fields[i].Hidden = hidden(f)
	}
	view.Index()
	return &view
}

// userView is the organisation as one user sees it.
type userView struct {
	*store
	access map[*object]*objectAccess
}

// Object implements soql.Source.
func (v userView) Object(name string) (*soql.Object, bool) {
	o, ok := v.schema.object(name)
	if !ok {
		return nil, false
	}
	a := v.access[o]
	switch {
	case a == nil:
		return &o.Object, true
	case a.level == accessNone:
		return nil, false
	default:
		return a.view, true
	}
}

// source gives what a user's queries read.
func (s *Server) source(userID string) soql.Source {
	if access := s.ruling.Load().accessOf(userID); len(access) > 0 {
		return userView{s.store, access}
	}
	return s.store
}

// object gives an object that the user sees.
func (s *Server) object(name, userID string) (*object, bool) {
	o, ok := s.store.schema.object(name)
	if ok {
		if a := s.ruling.Load().accessTo(userID, o); a != nil && a.level == accessNone {
			return nil, false
		}
	}
	return o, ok
}

// compileRule makes a rule's condition a test of one record. The store is held.
func (s *Server) compileRule(o *object, rule validationRule) (func(soql.Row) bool, error) {
	q, err := soql.Parse("SELECT Id FROM " + o.Name + " WHERE " + rule.When)
	if err != nil {
		return nil, err
	}
	plan, err := soql.Prepare(q, s.store, soql.Options{Now: s.clock.Now(), FiscalStartMonth: int(s.fiscalStart), Location: time.UTC})
	if err != nil {
		return nil, err
	}
	return plan.Filter()
}

// judgeRules applies the validation rules to a record that is about to be saved.
func (x *tx) judgeRules(o *object, row soql.Row) *apiError {
	for _, rule := range x.ruling.rules[o] {
		holds := x.conditions[rule.Object+"/"+rule.Name]
		if holds == nil {
			var err error
			if holds, err = x.s.compileRule(o, rule); err != nil { // it was checked when it was set
				return refuse("FIELD_CUSTOM_VALIDATION_EXCEPTION", "%s: %v", rule.Name, err)
			}
			if x.conditions == nil {
				x.conditions = map[string]func(soql.Row) bool{}
			}
			x.conditions[rule.Object+"/"+rule.Name] = holds
		}
		if holds(row) {
			err := refuse("FIELD_CUSTOM_VALIDATION_EXCEPTION", "%s", rule.Message)
			if rule.Field != "" {
				err.fields = []string{rule.Field}
			}
			return err
		}
	}
	return nil
}

// setUp makes a setup hold from now on, and keeps it.
func (s *Server) setUp(in setup) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	since := s.clock.Now().UTC().Truncate(time.Second)
	if last := s.ruling.Load().since; !since.After(last) {
		since = last.Add(time.Second) // so that no describe of before counts as fresh
	}
	r, err := s.makeRuling(in, since)
	if err != nil {
		return err
	}
	if err := s.journal.Append(kindSetup, setupEntry{in, since}); err != nil {
		return err
	}
	s.ruling.Store(r)
	return nil
}

// setupEntry is a setup in the journal.
type setupEntry struct {
	Setup setup     `json:"setup"`
	Since time.Time `json:"since"`
}

// restore makes the journal's setup hold again.
func (s *Server) restoreSetup(e setupEntry) error {
	r, err := s.makeRuling(e.Setup, e.Since)
	if err != nil {
		return err
	}
	s.ruling.Store(r)
	return nil
}

func (s *Server) postSetup(w http.ResponseWriter, r *http.Request) {
	var in setup
	err := kit.ReadControl(r, &in)
	if err == nil {
		err = s.setUp(in)
	}
	if err != nil {
		kit.RefuseControl(w, http.StatusBadRequest, err)
		return
	}
	s.showSetup(w)
}

func (s *Server) deleteSetup(w http.ResponseWriter) {
	if err := s.setUp(setup{}); err != nil {
		kit.RefuseControl(w, http.StatusInternalServerError, err)
		return
	}
	s.showSetup(w)
}

func (s *Server) showSetup(w http.ResponseWriter) {
	kit.AnswerControl(w, http.StatusOK, s.ruling.Load().setup)
}
