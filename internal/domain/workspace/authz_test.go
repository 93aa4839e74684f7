package workspace

import (
	"context"
	"reflect"
	"testing"

	"github.com/tandem-cosell/tandem/internal/base/clock"
	"github.com/tandem-cosell/tandem/internal/base/cloud"
	"github.com/tandem-cosell/tandem/internal/base/problem"
	"github.com/tandem-cosell/tandem/internal/domain/account"
	"github.com/tandem-cosell/tandem/internal/domain/activity"
	"github.com/tandem-cosell/tandem/internal/domain/approval"
	"github.com/tandem-cosell/tandem/internal/domain/automation"
	"github.com/tandem-cosell/tandem/internal/domain/connection"
	"github.com/tandem-cosell/tandem/internal/domain/handover"
	"github.com/tandem-cosell/tandem/internal/domain/intro"
	"github.com/tandem-cosell/tandem/internal/domain/invitation"
	"github.com/tandem-cosell/tandem/internal/domain/mapping"
	"github.com/tandem-cosell/tandem/internal/domain/opportunity"
	"github.com/tandem-cosell/tandem/internal/domain/registration"
	"github.com/tandem-cosell/tandem/internal/domain/route"
	"github.com/tandem-cosell/tandem/internal/domain/tagging"
	"github.com/tandem-cosell/tandem/internal/domain/team"
	"github.com/tandem-cosell/tandem/internal/domain/view"
	"github.com/tandem-cosell/tandem/internal/platform/authz"
	"github.com/tandem-cosell/tandem/internal/platform/db/dbtest"
	"github.com/tandem-cosell/tandem/internal/platform/schema"
)

// guarded is a use case that a person can call, and what it needs.
type guarded struct {
	action authz.Action
	call   func(ctx context.Context) error
}

// unguarded are the methods that no person calls on their own behalf: flows and
// jobs call them as Tandem, or they answer who somebody is.
var unguarded = map[string]bool{
	"team.HasUsers": true, "team.Person": true, "team.SignIn": true, "team.ActorOfToken": true,
	"opportunity.Matcher": true, "opportunity.DecideAll": true,
	"registration.Advance": true, "registration.Deal": true, "registration.Dirty": true, "registration.Portal": true,
	"registration.Reconsider": true, "registration.RefreshSolutions": true, "registration.Written": true,
	"registration.ActionOf": true, "registration.FieldLabel": true, "registration.FieldText": true, "registration.Standing": true, "registration.Recompare": true, "activity.Note": true,
	// In the caller's transaction; what they are without it stands in the table.
	"opportunity.MarkJointTx": true, "registration.RegisterTx": true, "registration.PutTx": true, "registration.SettleTx": true, "registration.ResendTx": true,
	"approval.Handle": true, "approval.Do": true, "approval.Decide": true, // by the action of the wish
	"approval.Overtake":  true, // in the transaction of whoever moved the record
	"invitation.Advance": true, "invitation.Arrived": true, "invitation.Clouds": true, "invitation.Follow": true, "invitation.Heard": true, "invitation.Overdue": true, "invitation.Rejections": true,
	"registration.FollowChanges": true, "registration.Heard": true, "registration.Link": true, "registration.PendingCRM": true, "registration.WrittenCRM": true,
	"registration.SawClaims": true, "registration.ClaimsGone": true, "registration.SawRows": true, "registration.RowsGone": true, "activity.Merged": true,
	"activity.OnRegistration": true, "activity.Pending": true, "activity.Logged": true, "activity.Due": true, "activity.Plan": true, "activity.Written": true,
	"activity.TryPlan": true, "tagging.TryPending": true, "tagging.Differences": true,
	"activity.Import": true, "activity.Unwatched": true, "activity.Watch": true, "activity.RecordTx": true, "activity.ChangeTx": true, "activity.CancelTx": true, "intro.OnActivity": true,
	"route.Check": true, "route.CheckAll": true, "route.CheckDeal": true, "route.Concerned": true, "registration.Rerouted": true,
	"tagging.Check": true, "tagging.CheckAll": true, "tagging.Pending": true, "tagging.Written": true,
	"automation.Begin": true, "automation.Count": true, "automation.MakeDigest": true,
	"mapping.InForce": true,
	"handover.Ask":    true, "handover.ByOurID": true, "handover.ByRemoteID": true, "handover.ToldSince": true, "handover.CountWaiting": true, "registration.LookNow": true,
	"connection.Report": true, "connection.Usage": true, "connection.Lease": true, "connection.Release": true, "connection.Took": true, "connection.StreamGoes": true,
}

func TestEveryUseCaseAsksWhoActs(t *testing.T) {
	t.Parallel()
	d := dbtest.SQLite(t, schema.Migrations())
	c := clock.System{}
	people, accounts, opps := team.NewService(d, c), account.NewService(d), opportunity.NewService(d, c)
	regs, acts, conns := registration.NewService(d, c, nil, registration.DefaultPace), activity.NewService(d, c), connection.NewService(d, c)
	apprs := approval.NewService(d, c, opps, regs, acts)
	invs := invitation.NewService(d, c, nil, regs, apprs, invitation.Pace{})
	tags, auto, maps := tagging.NewService(d, c, opps), automation.NewService(d, c), mapping.NewService(d, c)
	routes := route.NewService(d, c, opps, regs, acts, apprs)
	views, work, intros := view.NewService(d, c), NewService(d, c), intro.NewService(d, c, acts)
	hands := handover.NewService(d, c)
	yes := true
	cases := map[string]guarded{
		"team.CreateUser": {authz.ActionManagePeople, func(ctx context.Context) error {
			_, _, err := people.CreateUser(ctx, team.NewUser{Name: "A", Email: "a@example.com", Level: authz.LevelReader})
			return err
		}},
		"team.ChangePassword": {authz.ActionOwnPassword, func(ctx context.Context) error { return people.ChangePassword(ctx, "a", "b") }},
		"team.SetPassword":    {authz.ActionManagePeople, func(ctx context.Context) error { _, err := people.SetPassword(ctx, "a@example.com", ""); return err }},
		"team.SetLevel":       {authz.ActionManagePeople, func(ctx context.Context) error { return people.SetLevel(ctx, "a@example.com", authz.LevelReader) }},
		"team.Disable":        {authz.ActionManagePeople, func(ctx context.Context) error { return people.Disable(ctx, "a@example.com") }},
		"team.Users":          {authz.ActionManagePeople, func(ctx context.Context) error { _, err := people.Users(ctx); return err }},
		"team.People":         {authz.ActionRead, func(ctx context.Context) error { _, err := people.People(ctx); return err }},
		"team.CreateToken":    {authz.ActionOwnToken, func(ctx context.Context) error { _, _, err := people.CreateToken(ctx, "x", nil, 0); return err }},
		"team.Tokens":         {authz.ActionOwnToken, func(ctx context.Context) error { _, err := people.Tokens(ctx); return err }},
		"team.RevokeToken":    {authz.ActionOwnToken, func(ctx context.Context) error { return people.RevokeToken(ctx, "x") }},
		"account.Get":         {authz.ActionRead, func(ctx context.Context) error { _, err := accounts.Get(ctx, "x"); return err }},
		"account.Current":     {authz.ActionRead, func(ctx context.Context) error { _, err := accounts.Current(ctx, "x"); return err }},
		"account.List":        {authz.ActionRead, func(ctx context.Context) error { _, err := accounts.List(ctx, "", "", 1); return err }},
		"opportunity.Get":     {authz.ActionRead, func(ctx context.Context) error { _, _, err := opps.Get(ctx, "x"); return err }},
		"opportunity.Team":    {authz.ActionRead, func(ctx context.Context) error { _, _, err := opps.Team(ctx, &opportunity.Opportunity{}); return err }},
		"opportunity.Rule":    {authz.ActionRead, func(ctx context.Context) error { _, _, err := opps.Rule(ctx); return err }},
		"opportunity.Preview": {authz.ActionChangeSettings, func(ctx context.Context) error {
			_, err := opps.Preview(ctx, opportunity.DefaultJointRule())
			return err
		}},
		"opportunity.SetRule":      {authz.ActionChangeSettings, func(ctx context.Context) error { return opps.SetRule(ctx, opportunity.DefaultJointRule(), 0) }},
		"opportunity.MarkJoint":    {authz.ActionMarkJoint, func(ctx context.Context) error { return opps.MarkJoint(ctx, "x", cloud.AWS, &yes, "why") }},
		"registration.Get":         {authz.ActionRead, func(ctx context.Context) error { _, err := regs.Get(ctx, "x"); return err }},
		"registration.Views":       {authz.ActionRead, func(ctx context.Context) error { _, err := regs.Views(ctx, "x"); return err }},
		"registration.Solutions":   {authz.ActionRead, func(ctx context.Context) error { _, err := regs.Solutions(ctx, cloud.AWS); return err }},
		"registration.Defaults":    {authz.ActionRead, func(ctx context.Context) error { _, _, err := regs.Defaults(ctx); return err }},
		"registration.SetDefaults": {authz.ActionChangeSettings, func(ctx context.Context) error { return regs.SetDefaults(ctx, registration.DefaultSolutions{}, 0) }},
		"registration.Register":    {authz.ActionRegister, func(ctx context.Context) error { _, _, err := regs.Register(ctx, "x", cloud.AWS, true); return err }},
		"registration.Assign":      {authz.ActionUpdate, func(ctx context.Context) error { return regs.Assign(ctx, "x", opportunity.Member{}, nil) }},
		"registration.CheckAssign": {authz.ActionUpdate, func(ctx context.Context) error { return regs.CheckAssign(ctx, "x", opportunity.Member{}) }},
		"registration.ResendEdit":  {authz.ActionUpdate, func(ctx context.Context) error { return regs.ResendEdit(ctx, "x", "p") }},
		"registration.TryPut":      {authz.ActionUpdate, func(ctx context.Context) error { _, err := regs.TryPut(ctx, "x", "p", ""); return err }},
		"registration.FieldInfos":  {authz.ActionRead, func(ctx context.Context) error { _, err := regs.FieldInfos(ctx, cloud.AWS); return err }},
		"registration.Fields":      {authz.ActionRead, func(ctx context.Context) error { _, _, _, err := regs.Fields(ctx, "x"); return err }},
		"registration.Open":        {authz.ActionRead, func(ctx context.Context) error { _, err := regs.Open(ctx, registration.FieldConflict, 1); return err }},
		"registration.Owners":      {authz.ActionRead, func(ctx context.Context) error { _, _, err := regs.Owners(ctx); return err }},
		"registration.Watched":     {authz.ActionReadOperations, func(ctx context.Context) error { _, err := regs.Watched(ctx, cloud.AWS); return err }},
		"registration.SetOwners":   {authz.ActionChangeSettings, func(ctx context.Context) error { return regs.SetOwners(ctx, registration.Owners{}, 0) }},
		"registration.Put":         {authz.ActionUpdate, func(ctx context.Context) error { _, err := regs.Put(ctx, "x", nil); return err }},
		"registration.Resend":      {authz.ActionUpdate, func(ctx context.Context) error { _, err := regs.Resend(ctx, "x"); return err }},
		"registration.Settle": {authz.ActionUpdate, func(ctx context.Context) error {
			_, err := regs.Settle(ctx, "x", "p", registration.ChoiceOurs, "", "", "")
			return err
		}},
		"registration.Refresh":         {authz.ActionSync, func(ctx context.Context) error { _, err := regs.Refresh(ctx, "x"); return err }},
		"registration.Try":             {authz.ActionUpdate, func(ctx context.Context) error { _, err := regs.Try(ctx, "x", nil); return err }},
		"registration.Calls":           {authz.ActionRead, func(ctx context.Context) error { _, err := regs.Calls(ctx, "x", 1); return err }},
		"registration.CountOpen":       {authz.ActionRead, func(ctx context.Context) error { _, err := regs.CountOpen(ctx, registration.FieldConflict); return err }},
		"registration.ChooseClaim":     {authz.ActionRegister, func(ctx context.Context) error { _, err := regs.ChooseClaim(ctx, "x", ""); return err }},
		"registration.ChooseSolutions": {authz.ActionRegister, func(ctx context.Context) error { _, err := regs.ChooseSolutions(ctx, "x", nil, 0); return err }},
		"activity.OfOpportunity":       {authz.ActionRead, func(ctx context.Context) error { _, err := acts.OfOpportunity(ctx, "x"); return err }},
		"activity.Retry":               {authz.ActionRegister, func(ctx context.Context) error { return acts.Retry(ctx, "x") }},
		"activity.Get":                 {authz.ActionRead, func(ctx context.Context) error { _, err := acts.Get(ctx, "x"); return err }},
		"activity.History":             {authz.ActionRead, func(ctx context.Context) error { _, err := acts.History(ctx, "x"); return err }},
		"activity.Timeline": {authz.ActionRead, func(ctx context.Context) error {
			_, err := acts.Timeline(ctx, activity.Query{OpportunityID: "x"})
			return err
		}},
		"activity.Counts": {authz.ActionRead, func(ctx context.Context) error {
			_, err := acts.Counts(ctx, activity.Query{OpportunityID: "x"})
			return err
		}},
		"activity.CancelMode":    {authz.ActionRead, func(ctx context.Context) error { _, _, err := acts.CancelMode(ctx); return err }},
		"activity.SetCancelMode": {authz.ActionChangeSettings, func(ctx context.Context) error { return acts.SetCancelMode(ctx, activity.CancelMark, 0) }},
		"activity.Record":        {authz.ActionLog, func(ctx context.Context) error { _, err := acts.Record(ctx, activity.Input{}, true); return err }},
		"activity.Change": {authz.ActionLog, func(ctx context.Context) error {
			_, err := acts.Change(ctx, activity.Wish{ID: "x"}, activity.Input{})
			return err
		}},
		"activity.Cancel": {authz.ActionLog, func(ctx context.Context) error { _, err := acts.Cancel(ctx, activity.Wish{ID: "x"}, ""); return err }},
		"activity.Send":   {authz.ActionLog, func(ctx context.Context) error { _, err := acts.Send(ctx, activity.Wish{ID: "x"}); return err }},
		"activity.Settle": {authz.ActionLog, func(ctx context.Context) error {
			_, err := acts.Settle(ctx, activity.Wish{ID: "x"}, activity.ChoiceOurs)
			return err
		}},
		"handover.Get":        {authz.ActionRead, func(ctx context.Context) error { _, err := hands.Get(ctx, "x"); return err }},
		"handover.List":       {authz.ActionRead, func(ctx context.Context) error { _, err := hands.List(ctx, ""); return err }},
		"handover.Form":       {authz.ActionRead, func(ctx context.Context) error { _, err := hands.Form(ctx, "x"); return err }},
		"handover.Tell":       {authz.ActionRegister, func(ctx context.Context) error { _, err := hands.Tell(ctx, "x", handover.Told{}); return err }},
		"intro.Suggest":       {authz.ActionRead, func(ctx context.Context) error { _, err := intros.Suggest(ctx, "x", cloud.AWS); return err }},
		"intro.Slots":         {authz.ActionRead, func(ctx context.Context) error { _, err := intros.Slots(ctx, intro.SlotQuery{}); return err }},
		"intro.Get":           {authz.ActionRead, func(ctx context.Context) error { _, err := intros.Get(ctx, "x"); return err }},
		"intro.OfActivity":    {authz.ActionRead, func(ctx context.Context) error { _, err := intros.OfActivity(ctx, "x"); return err }},
		"intro.OfOpportunity": {authz.ActionRead, func(ctx context.Context) error { _, err := intros.OfOpportunity(ctx, "x"); return err }},
		"intro.Events":        {authz.ActionRead, func(ctx context.Context) error { _, err := intros.Events(ctx, "x"); return err }},
		"intro.Propose":       {authz.ActionLog, func(ctx context.Context) error { _, err := intros.Propose(ctx, intro.Input{}, true); return err }},
		"intro.Change": {authz.ActionLog, func(ctx context.Context) error {
			_, err := intros.Change(ctx, intro.Wish{ID: "x"}, intro.Input{})
			return err
		}},
		"intro.Confirm": {authz.ActionLog, func(ctx context.Context) error {
			_, err := intros.Confirm(ctx, intro.Wish{ID: "x"}, intro.Slot{})
			return err
		}},
		"intro.Held": {authz.ActionLog, func(ctx context.Context) error {
			_, err := intros.Held(ctx, intro.Wish{ID: "x"}, intro.Outcome{})
			return err
		}},
		"intro.NoShow": {authz.ActionLog, func(ctx context.Context) error {
			_, err := intros.NoShow(ctx, intro.Wish{ID: "x"}, intro.Outcome{})
			return err
		}},
		"intro.Cancel":      {authz.ActionLog, func(ctx context.Context) error { _, err := intros.Cancel(ctx, intro.Wish{ID: "x"}, ""); return err }},
		"approval.Get":      {authz.ActionRead, func(ctx context.Context) error { _, err := apprs.Get(ctx, "x"); return err }},
		"approval.List":     {authz.ActionRead, func(ctx context.Context) error { _, _, err := apprs.List(ctx, approval.Query{}); return err }},
		"approval.Rules":    {authz.ActionRead, func(ctx context.Context) error { _, _, err := apprs.Rules(ctx); return err }},
		"approval.SetRules": {authz.ActionChangeSettings, func(ctx context.Context) error { return apprs.SetRules(ctx, approval.DefaultRules, 0) }},
		"approval.Approve":  {authz.ActionApprove, func(ctx context.Context) error { _, err := apprs.Approve(ctx, "x", "", 0); return err }},
		"approval.Refuse":   {authz.ActionApprove, func(ctx context.Context) error { _, err := apprs.Refuse(ctx, "x", "no", 0); return err }},
		"approval.Withdraw": {authz.ActionAsk, func(ctx context.Context) error { _, err := apprs.Withdraw(ctx, "x", 0); return err }},
		"approval.Seen":     {authz.ActionAsk, func(ctx context.Context) error { _, err := apprs.Seen(ctx, "x"); return err }},
		"approval.Register": {authz.ActionRegister, func(ctx context.Context) error { _, err := apprs.Register(ctx, "x", cloud.AWS); return err }},
		"approval.MarkJoint": {authz.ActionMarkJoint, func(ctx context.Context) error {
			_, err := apprs.MarkJoint(ctx, "x", cloud.AWS, &yes, "why")
			return err
		}},
		"approval.Put": {authz.ActionUpdate, func(ctx context.Context) error { _, err := apprs.Put(ctx, "x", nil); return err }},
		"approval.Settle": {authz.ActionUpdate, func(ctx context.Context) error {
			_, err := apprs.Settle(ctx, "x", "p", registration.ChoiceOurs, "", "", "")
			return err
		}},
		"approval.Resend": {authz.ActionUpdate, func(ctx context.Context) error { _, err := apprs.Resend(ctx, "x"); return err }},
		"invitation.AcceptMany": {authz.ActionAccept, func(ctx context.Context) error {
			_, err := invs.AcceptMany(ctx, []invitation.Answer{{ID: "x"}})
			return err
		}},
		"invitation.Accept": {authz.ActionAccept, func(ctx context.Context) error { _, err := invs.Accept(ctx, invitation.Answer{ID: "x"}); return err }},
		"invitation.Reject": {authz.ActionReject, func(ctx context.Context) error {
			_, err := invs.Reject(ctx, invitation.Answer{ID: "x"}, "no")
			return err
		}},
		"invitation.Convert": {authz.ActionAccept, func(ctx context.Context) error { _, err := invs.Convert(ctx, invitation.Answer{ID: "x"}); return err }},
		"invitation.Retry":   {authz.ActionAccept, func(ctx context.Context) error { _, err := invs.Retry(ctx, invitation.Answer{ID: "x"}); return err }},
		"invitation.Link":    {authz.ActionAccept, func(ctx context.Context) error { _, err := invs.Link(ctx, invitation.Answer{ID: "x"}, "o"); return err }},
		"invitation.Dismiss": {authz.ActionAccept, func(ctx context.Context) error {
			_, err := invs.Dismiss(ctx, invitation.Answer{ID: "x"}, "no")
			return err
		}},
		"invitation.Restore": {authz.ActionAccept, func(ctx context.Context) error { _, err := invs.Restore(ctx, invitation.Answer{ID: "x"}); return err }},
		"invitation.Form":    {authz.ActionAccept, func(ctx context.Context) error { _, err := invs.Form(ctx, "x"); return err }},
		"invitation.Create": {authz.ActionAccept, func(ctx context.Context) error {
			_, err := invs.Create(ctx, invitation.Answer{ID: "x"}, nil)
			return err
		}},
		"invitation.Get":       {authz.ActionRead, func(ctx context.Context) error { _, err := invs.Get(ctx, "x"); return err }},
		"invitation.List":      {authz.ActionRead, func(ctx context.Context) error { _, err := invs.List(ctx, invitation.Query{}); return err }},
		"invitation.Counts":    {authz.ActionRead, func(ctx context.Context) error { _, err := invs.Counts(ctx); return err }},
		"invitation.Events":    {authz.ActionRead, func(ctx context.Context) error { _, err := invs.Events(ctx, "x"); return err }},
		"mapping.Get":          {authz.ActionRead, func(ctx context.Context) error { _, err := maps.Get(ctx); return err }},
		"mapping.At":           {authz.ActionRead, func(ctx context.Context) error { _, err := maps.At(ctx, 9); return err }},
		"mapping.Versions":     {authz.ActionRead, func(ctx context.Context) error { _, err := maps.Versions(ctx, 0, 1); return err }},
		"mapping.Check":        {authz.ActionRead, func(ctx context.Context) error { _, err := maps.Check(ctx, mapping.Default()); return err }},
		"mapping.Organisation": {authz.ActionRead, func(ctx context.Context) error { _, err := maps.Organisation(ctx, mapping.Default()); return err }},
		"mapping.Try": {authz.ActionRead, func(ctx context.Context) error {
			_, err := maps.Try(ctx, mapping.Default(), mapping.ObjectAccount, "x")
			return err
		}},
		"mapping.Templates":       {authz.ActionRead, func(ctx context.Context) error { _, err := maps.Templates(ctx); return err }},
		"mapping.Records":         {authz.ActionRead, func(ctx context.Context) error { _, err := maps.Records(ctx, mapping.ObjectAccount); return err }},
		"mapping.Save":            {authz.ActionChangeSettings, func(ctx context.Context) error { _, err := maps.Save(ctx, mapping.Default(), 9, "why"); return err }},
		"mapping.RollBack":        {authz.ActionChangeSettings, func(ctx context.Context) error { _, err := maps.RollBack(ctx, 0, 9, "why"); return err }},
		"tagging.Rules":           {authz.ActionRead, func(ctx context.Context) error { _, _, err := tags.Rules(ctx); return err }},
		"tagging.SetRules":        {authz.ActionChangeSettings, func(ctx context.Context) error { return tags.SetRules(ctx, tagging.DefaultRules(), 9) }},
		"tagging.Preview":         {authz.ActionChangeSettings, func(ctx context.Context) error { _, err := tags.Preview(ctx, nil); return err }},
		"tagging.List":            {authz.ActionRead, func(ctx context.Context) error { _, err := tags.List(ctx, tagging.Query{}); return err }},
		"tagging.Of":              {authz.ActionRead, func(ctx context.Context) error { _, err := tags.Of(ctx, "x"); return err }},
		"tagging.Counts":          {authz.ActionRead, func(ctx context.Context) error { _, err := tags.Counts(ctx); return err }},
		"tagging.Accept":          {authz.ActionUpdate, func(ctx context.Context) error { return tags.Accept(ctx, "x", "y", "{}", "why") }},
		"tagging.Reopen":          {authz.ActionUpdate, func(ctx context.Context) error { return tags.Reopen(ctx, "x", "y") }},
		"tagging.Again":           {authz.ActionUpdate, func(ctx context.Context) error { _, err := tags.Again(ctx, "x"); return err }},
		"tagging.Correct":         {authz.ActionUpdate, func(ctx context.Context) error { _, err := tags.Correct(ctx, "x", "y", "{}"); return err }},
		"tagging.Try":             {authz.ActionUpdate, func(ctx context.Context) error { _, err := tags.Try(ctx, "x", "y", "{}"); return err }},
		"tagging.Withdraw":        {authz.ActionUpdate, func(ctx context.Context) error { return tags.Withdraw(ctx, "x") }},
		"automation.State":        {authz.ActionRead, func(ctx context.Context) error { _, _, err := auto.State(ctx); return err }},
		"automation.Overview":     {authz.ActionRead, func(ctx context.Context) error { _, err := auto.Overview(ctx); return err }},
		"automation.Detail":       {authz.ActionRead, func(ctx context.Context) error { _, err := auto.Detail(ctx, "x"); return err }},
		"automation.Rules":        {authz.ActionRead, func(ctx context.Context) error { _, err := auto.Rules(ctx); return err }},
		"automation.Pause":        {authz.ActionChangeSettings, func(ctx context.Context) error { return auto.Pause(ctx, "x", 9) }},
		"automation.Resume":       {authz.ActionChangeSettings, func(ctx context.Context) error { return auto.Resume(ctx, "x", 9) }},
		"automation.Switch":       {authz.ActionChangeSettings, func(ctx context.Context) error { return auto.Switch(ctx, "x", true, "", 9) }},
		"automation.Schedule":     {authz.ActionRead, func(ctx context.Context) error { _, _, err := auto.Schedule(ctx); return err }},
		"automation.SetSchedule":  {authz.ActionChangeSettings, func(ctx context.Context) error { return auto.SetSchedule(ctx, automation.DefaultSchedule(), 9) }},
		"automation.Digests":      {authz.ActionRead, func(ctx context.Context) error { _, err := auto.Digests(ctx, 1); return err }},
		"automation.Digest":       {authz.ActionRead, func(ctx context.Context) error { _, err := auto.Digest(ctx, "x"); return err }},
		"automation.MarkRead":     {authz.ActionChangeSettings, func(ctx context.Context) error { return auto.MarkRead(ctx, "x") }},
		"connection.Stream":       {authz.ActionReadOperations, func(ctx context.Context) error { _, err := conns.Stream(ctx); return err }},
		"connection.List":         {authz.ActionReadOperations, func(ctx context.Context) error { _, err := conns.List(ctx); return err }},
		"view.List":               {authz.ActionRead, func(ctx context.Context) error { _, err := views.List(ctx, "opportunity"); return err }},
		"view.Save":               {authz.ActionSaveView, func(ctx context.Context) error { _, err := views.Save(ctx, "opportunity", "x", "", false); return err }},
		"view.Delete":             {authz.ActionSaveView, func(ctx context.Context) error { return views.Delete(ctx, "x") }},
		"workspace.List":          {authz.ActionRead, func(ctx context.Context) error { _, err := work.List(ctx, Query{}); return err }},
		"workspace.Count":         {authz.ActionRead, func(ctx context.Context) error { _, err := work.Count(ctx, Query{}, 1); return err }},
		"workspace.Board":         {authz.ActionRead, func(ctx context.Context) error { _, err := work.Board(ctx, Query{}, GroupStage); return err }},
		"workspace.Choices":       {authz.ActionRead, func(ctx context.Context) error { _, err := work.Choices(ctx); return err }},
		"workspace.Search":        {authz.ActionRead, func(ctx context.Context) error { _, err := work.Search(ctx, "x", 1); return err }},
		"workspace.Registrations": {authz.ActionRead, func(ctx context.Context) error { _, err := work.Registrations(ctx, RegistrationQuery{}); return err }},
		"workspace.Today":         {authz.ActionRead, func(ctx context.Context) error { _, err := work.Today(ctx, TodayQuery{}); return err }},
		"route.Rules":             {authz.ActionRead, func(ctx context.Context) error { _, _, err := routes.Rules(ctx); return err }},
		"route.SetRules":          {authz.ActionChangeSettings, func(ctx context.Context) error { return routes.SetRules(ctx, route.DefaultRules(), 9) }},
		"route.Preview":           {authz.ActionChangeSettings, func(ctx context.Context) error { _, err := routes.Preview(ctx, nil); return err }},
		"route.List":              {authz.ActionRead, func(ctx context.Context) error { _, err := routes.List(ctx, route.Query{}); return err }},
		"route.Of":                {authz.ActionRead, func(ctx context.Context) error { _, err := routes.Of(ctx, "x"); return err }},
		"route.Counts":            {authz.ActionRead, func(ctx context.Context) error { _, err := routes.Counts(ctx); return err }},
		"route.Get":               {authz.ActionRead, func(ctx context.Context) error { _, err := routes.Get(ctx, "x"); return err }},
		"route.Decide":            {authz.ActionDecideRoute, func(ctx context.Context) error { _, err := routes.Decide(ctx, "x", 1, route.Decision{}); return err }},
		"route.Reopen":            {authz.ActionDecideRoute, func(ctx context.Context) error { _, err := routes.Reopen(ctx, "x", 1, "why"); return err }},
		"workspace.Summary":       {authz.ActionRead, func(ctx context.Context) error { _, err := work.Summary(ctx); return err }},
		"workspace.Calendar":      {authz.ActionRead, func(ctx context.Context) error { _, _, err := work.Calendar(ctx); return err }},
		"workspace.SetCalendar":   {authz.ActionChangeSettings, func(ctx context.Context) error { return work.SetCalendar(ctx, 2, 0) }},
	}
	known := map[string]bool{}
	for room, service := range map[string]any{"team": people, "account": accounts, "opportunity": opps, "registration": regs, "activity": acts, "intro": intros, "handover": hands, "approval": apprs, "tagging": tags, "route": routes, "automation": auto, "mapping": maps, "invitation": invs, "connection": conns, "view": views, "workspace": work} {
		typ := reflect.TypeOf(service)
		for i := range typ.NumMethod() {
			name := room + "." + typ.Method(i).Name
			known[name] = true
			if _, ok := cases[name]; ok == unguarded[name] {
				t.Errorf("%s must stand in the table of guarded use cases or in that of unguarded ones", name)
			}
		}
	}
	refused := func(err error) bool {
		return problem.Is(err, problem.KindForbidden) || problem.Is(err, problem.KindUnauthorized)
	}
	for name, g := range cases {
		if !known[name] {
			t.Errorf("there is no %s", name)
		}
		if err := g.call(t.Context()); !problem.Is(err, problem.KindUnauthorized) {
			t.Errorf("%s with nobody signed in: %v", name, err)
		}
		for _, level := range authz.Levels() {
			a := authz.Actor{Kind: authz.KindPerson, ID: "usr_1", Name: "Ada", Level: level}
			may, err := authz.May(a, g.action)
			if err != nil {
				t.Fatal(err)
			}
			if err := g.call(authz.With(t.Context(), a)); refused(err) == may {
				t.Errorf("%s by a %s: %v, but the policies say %v", name, level, err, may)
			}
		}
		bot := authz.Actor{Kind: authz.KindIntegration, ID: "usr_1", Name: "Bot", Level: authz.LevelSeniorDirector, Scopes: []string{"read"}}
		if err := g.call(authz.With(t.Context(), bot)); refused(err) != (g.action.Scope() != "read") {
			t.Errorf("%s by a token that may only read: %v", name, err)
		}
		bot.Scopes = []string{}
		if err := g.call(authz.With(t.Context(), bot)); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("%s by a token without a scope: %v", name, err)
		}
	}
	// A reader may keep views and tokens of their own, and else only look.
	for name, g := range cases {
		switch g.action {
		case authz.ActionRead, authz.ActionSaveView, authz.ActionOwnToken, authz.ActionOwnPassword, authz.ActionAsk:
			continue
		}
		reader := authz.With(t.Context(), authz.Actor{Kind: authz.KindPerson, ID: "usr_2", Name: "Rea", Level: authz.LevelReader})
		if err := g.call(reader); !problem.Is(err, problem.KindForbidden) {
			t.Errorf("a reader may %s: %v", name, err)
		}
	}
}
