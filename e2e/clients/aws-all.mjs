// Calls every operation of the Partner Central Selling API with the unmodified
// npm client @aws-sdk/client-partnercentral-selling, and counts them against the
// client's own list of commands. Every modelled error must arrive as the
// client's own class.
//
// Environment: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
// AWS_REGION, CONTROL_URL (the sandbox's address; its /_control pages play AWS).
// Prints one line for each check; exits 1 at the first that fails.
import { createRequire } from 'node:module';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import process from 'node:process';

const PACKAGE = '@aws-sdk/client-partnercentral-selling';

function load() {
  for (const from of [import.meta.url, path.join(process.cwd(), 'package.json')]) {
    try {
      return createRequire(from)(PACKAGE);
    } catch (err) {
      if (err.code !== 'MODULE_NOT_FOUND') throw err;
    }
  }
  throw new Error(`${PACKAGE} is installed neither beside this script nor in ${process.cwd()}`);
}

function env(name) {
  const value = process.env[name];
  if (!value) throw new Error(`the environment variable ${name} is not set`);
  return value;
}

function expect(ok, what, found) {
  if (!ok) throw new Error(`${what}${found === undefined ? '' : `; found ${JSON.stringify(found)}`}`);
}

const sdk = load();
const control = env('CONTROL_URL').replace(/\/$/, '');
const run = randomUUID().slice(0, 8);
const options = {
  endpoint: env('AWS_ENDPOINT_URL'),
  region: env('AWS_REGION'),
  credentials: { accessKeyId: env('AWS_ACCESS_KEY_ID'), secretAccessKey: env('AWS_SECRET_ACCESS_KEY') },
  maxAttempts: 1,
};
const client = new sdk.PartnerCentralSellingClient(options);
const succeeded = new Set();
const errors = new Set();

// send calls one operation in catalog AWS and notes that it was answered.
async function send(command, input = {}) {
  const body = command.endsWith('Resource') ? input : { Catalog: 'AWS', ...input };
  const out = await client.send(new sdk[`${command}Command`](body));
  succeeded.add(command);
  return out;
}

async function refused(type, command, input) {
  try {
    await send(command, input);
  } catch (err) {
    expect(err instanceof sdk[type], `${command}: expected the SDK's own ${type}`, `${err.name}: ${err.message}`);
    expect(err instanceof sdk.PartnerCentralSellingServiceException && err.$metadata?.requestId, `${command}: the request id`, err.$metadata);
    errors.add(type);
    return err;
  }
  throw new Error(`${command} was not refused with ${type}`);
}

async function play(page, body) {
  const response = await fetch(`${control}/_control/${page}`, { method: 'POST', body: JSON.stringify(body) });
  const answer = await response.json();
  expect(response.ok, `control page ${page}`, answer);
  return answer;
}

const token = (name) => `${name}-${run}`;

// finished repeats a call until its task has ended.
async function finished(command, input) {
  for (let i = 0; i < 100; i++) {
    const { TaskSummaries: [row] } = await send(command, input);
    if (row.TaskStatus !== 'IN_PROGRESS') return row;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${command}: the task does not end`);
}

const customer = { Industry: 'Retail', CompanyName: `Fernhollow Stores ${run}`, WebsiteUrl: 'https://www.fernhollow.example', CountryCode: 'US' };
const close = new Date(Date.now() + 200 * 86_400_000).toISOString().slice(0, 10);

function deal() {
  return {
    ClientToken: token('deal'),
    Origin: 'Partner Referral',
    OpportunityType: 'Net New Business',
    PrimaryNeedsFromAws: ['Co-Sell - Technical Consultation'],
    Customer: {
      Account: {
        CompanyName: customer.CompanyName,
        Industry: 'Retail',
        WebsiteUrl: customer.WebsiteUrl,
        Address: { CountryCode: 'US', StateOrRegion: 'Washington', PostalCode: '98101', City: 'Seattle' },
      },
    },
    Project: {
      Title: `Release platform ${run}`,
      CustomerBusinessProblem: 'Releases take nine weeks because six teams keep their own pipelines; the customer wants one audited platform on EKS.',
      CustomerUseCase: 'Containers & Serverless',
      DeliveryModels: ['SaaS or PaaS'],
      SalesActivities: ['Customer has shown interest in solution'],
      ExpectedCustomerSpend: [{ Amount: '8200.00', CurrencyCode: 'USD', Frequency: 'Monthly', TargetCompany: 'AWS' }],
    },
    Marketing: { Source: 'None' },
    LifeCycle: { Stage: 'Qualified', TargetCloseDate: close, NextSteps: `${close} architecture workshop, owner M. Oakhelm` },
  };
}

let id;
let task;
let solution;
let space; // an engagement of ours

const series = () => ({ EngagementIdentifier: task.EngagementId, ResourceType: 'Opportunity', ResourceIdentifier: id, ResourceSnapshotTemplateIdentifier: 'OpportunitySummary' });

const checks = [
  ['an opportunity: created, listed, associated, assigned, tagged', async () => {
    ({ SolutionSummaries: [solution] } = await send('ListSolutions', { Status: ['Active'] }));
    ({ Id: id } = await send('CreateOpportunity', deal()));
    await refused('ConflictException', 'CreateOpportunity', { ...deal(), OpportunityType: 'Expansion' });
    const entity = { OpportunityIdentifier: id, RelatedEntityType: 'Solutions', RelatedEntityIdentifier: solution.Id };
    await send('AssociateOpportunity', entity);
    await send('DisassociateOpportunity', entity);
    await send('AssociateOpportunity', entity);
    await send('AssignOpportunity', { Identifier: id, Assignee: { Email: 'bo.holt@partner.example', FirstName: 'Bo', LastName: 'Holt', BusinessTitle: 'Alliance manager' } });
    const { OpportunitySummaries: rows } = await send('ListOpportunities', { CustomerCompanyName: [customer.CompanyName] });
    expect(rows.length === 1 && rows[0].Id === id, 'it is listed', rows);
    const { Arn } = await send('GetOpportunity', { Identifier: id });
    await send('TagResource', { ResourceArn: Arn, Tags: [{ Key: 'region', Value: 'EMEA' }] });
    const { Tags } = await send('ListTagsForResource', { ResourceArn: Arn });
    expect(Tags.length === 1, 'one tag', Tags);
    await send('UntagResource', { ResourceArn: Arn, TagKeys: ['region'] });
  }],
  ['a submission leaves engagement, members, snapshot, job and invitation', async () => {
    const started = await send('StartEngagementFromOpportunityTask', { Identifier: id, ClientToken: token('start'), AwsSubmission: { InvolvementType: 'Co-Sell', Visibility: 'Full' } });
    task = await finished('ListEngagementFromOpportunityTasks', { TaskIdentifier: [started.TaskId] });
    expect(task.TaskStatus === 'COMPLETE', 'the task', task);
    const engagement = await send('GetEngagement', { Identifier: task.EngagementId });
    expect(engagement.MemberCount === 2 && engagement.Contexts[0].Payload.CustomerProject && engagement.CreatedAt instanceof Date, 'the engagement', engagement);
    const { EngagementMemberList: members } = await send('ListEngagementMembers', { Identifier: task.EngagementId });
    expect(members.some((m) => m.AccountId === 'AWS'), 'AWS is a member', members);
    const { EngagementResourceAssociationSummaries: [row] } = await send('ListEngagementResourceAssociations', { ResourceIdentifier: id });
    expect(row.EngagementId === task.EngagementId, 'the association', row);
    const invitation = await send('GetEngagementInvitation', { Identifier: task.EngagementInvitationId });
    expect(invitation.Receiver.Account.AwsAccountId === 'AWS' && invitation.Payload.OpportunityInvitation, 'the invitation', invitation);
    const job = await send('GetResourceSnapshotJob', { ResourceSnapshotJobIdentifier: task.ResourceSnapshotJobId });
    expect(job.Status === 'Running' && job.LastSuccessfulExecutionDate instanceof Date, 'the job', job);
  }],
  ['an update makes a new revision, and the old ones stay', async () => {
    await play('review', { opportunity: id, decision: 'Approved' });
    const { $metadata, Catalog, Id, Arn, CreatedDate, RelatedEntityIdentifiers, OpportunityTeam, ...record } = await send('GetOpportunity', { Identifier: id });
    await send('UpdateOpportunity', { ...record, Identifier: id, LifeCycle: { ...record.LifeCycle, Stage: 'Technical Validation' } });
    await refused('ConflictException', 'UpdateOpportunity', { ...record, Identifier: id });
    const last = await send('GetResourceSnapshot', series());
    expect(last.Revision > 1 && last.Payload.OpportunitySummary.Lifecycle.Stage === 'Technical Validation', 'the last revision', last);
    const one = await send('GetResourceSnapshot', { ...series(), Revision: 1 });
    expect(one.Payload.OpportunitySummary.Lifecycle.Stage === 'Qualified', 'the first revision', one);
    const { ResourceSnapshotSummaries: rows } = await send('ListResourceSnapshots', { EngagementIdentifier: task.EngagementId });
    expect(rows.some((r) => r.ResourceSnapshotTemplateName === 'AwsOpportunitySummaryFullView' && r.CreatedBy === 'AWS'), 'AWS shows its view', rows);
    const summary = await send('GetAwsOpportunitySummary', { RelatedOpportunityIdentifier: id });
    expect(summary.OpportunityTeam.length > 0, 'the AWS team', summary);
  }],
  ['SubmitOpportunity names the field of a refused submission', async () => {
    const err = await refused('ValidationException', 'SubmitOpportunity', { Identifier: id, InvolvementType: 'Co-Sell' });
    expect(err.Reason === 'BUSINESS_VALIDATION_FAILED' && err.ErrorList[0].FieldName === 'LifeCycle.ReviewStatus', 'the field', err.ErrorList);
    const other = await send('CreateOpportunity', { ...deal(), ClientToken: token('other') });
    await send('AssociateOpportunity', { OpportunityIdentifier: other.Id, RelatedEntityType: 'Solutions', RelatedEntityIdentifier: solution.Id });
    await send('SubmitOpportunity', { Identifier: other.Id, InvolvementType: 'For Visibility Only' });
  }],
  ['settings and snapshot jobs', async () => {
    const { ResourceSnapshotJobRoleArn: role } = await send('PutSellingSystemSettings', { ResourceSnapshotJobRoleIdentifier: 'SnapshotJobs' });
    expect((await send('GetSellingSystemSettings')).ResourceSnapshotJobRoleArn === role, 'the role is kept', role);
    await refused('AccessDeniedException', 'PutSellingSystemSettings', { ResourceSnapshotJobRoleIdentifier: 'arn:aws:iam::999999999999:role/Other' });
    const made = await send('CreateEngagement', { ClientToken: token('space'), Title: 'Joint plan', Description: 'With a reseller', Contexts: [{ Type: 'CustomerProject', Payload: { CustomerProject: { Customer: customer } } }] });
    expect(made.ModifiedAt instanceof Date, 'the time', made);
    space = made.Id;
    const { EngagementSummaryList: rows } = await send('ListEngagements', { EngagementIdentifier: [space] });
    expect(rows.length === 1 && rows[0].Title === 'Joint plan', 'it is listed', rows);
    const here = { ...series(), EngagementIdentifier: space };
    const { Revision } = await send('CreateResourceSnapshot', { ...here, ClientToken: token('snapshot') });
    expect(Revision === 1, 'the first revision', Revision);
    const job = await send('CreateResourceSnapshotJob', { ...here, ClientToken: token('job') });
    const it = { ResourceSnapshotJobIdentifier: job.Id };
    await refused('ConflictException', 'CreateResourceSnapshotJob', { ...here, ClientToken: token('job2') });
    await send('StartResourceSnapshotJob', it);
    await refused('ConflictException', 'DeleteResourceSnapshotJob', it);
    await send('StopResourceSnapshotJob', it);
    const { ResourceSnapshotJobSummaries: jobs } = await send('ListResourceSnapshotJobs', { EngagementIdentifier: space, Status: 'Stopped' });
    expect(jobs.length === 1 && jobs[0].Id === job.Id, 'the job is listed', jobs);
    await send('DeleteResourceSnapshotJob', it);
    await refused('ResourceNotFoundException', 'GetResourceSnapshotJob', it);
  }],
  ['contexts have a lock and a limit', async () => {
    const added = await send('CreateEngagementContext', { EngagementIdentifier: space, ClientToken: token('context'), Type: 'CustomerProject', Payload: { CustomerProject: { Customer: customer } } });
    const change = { EngagementIdentifier: space, ContextIdentifier: added.ContextId, EngagementLastModifiedAt: added.EngagementLastModifiedAt, Type: 'CustomerProject', Payload: { CustomerProject: { Customer: { ...customer, Industry: 'Travel' } } } };
    await send('UpdateEngagementContext', change);
    await refused('ConflictException', 'UpdateEngagementContext', change);
    for (let i = 3; i <= 5; i++) await send('CreateEngagementContext', { EngagementIdentifier: space, ClientToken: token(`context${i}`), Type: 'CustomerProject', Payload: { CustomerProject: {} } });
    await refused('ServiceQuotaExceededException', 'CreateEngagementContext', { EngagementIdentifier: space, ClientToken: token('context6'), Type: 'CustomerProject', Payload: { CustomerProject: {} } });
  }],
  ['another partner is invited and joins', async () => {
    const project = { Title: 'Stores', BusinessProblem: 'Releases are slow and not audited.', TargetCompletionDate: close, ExpectedCustomerSpend: [] };
    const { Id } = await send('CreateEngagementInvitation', {
      EngagementIdentifier: space, ClientToken: token('invite'),
      Invitation: { Message: 'Shall we?', Receiver: { Account: { AwsAccountId: '222233334444' } }, Payload: { OpportunityInvitation: { ReceiverResponsibilities: ['Reseller'], Customer: customer, Project: project } } },
    });
    await refused('AccessDeniedException', 'AcceptEngagementInvitation', { Identifier: Id });
    await play('invitation', { invitation: Id, decision: 'accept' });
    const { EngagementInvitationSummaries: rows } = await send('ListEngagementInvitations', { ParticipantType: 'SENDER', Status: ['ACCEPTED'], EngagementIdentifier: [space] });
    expect(rows.length === 1 && rows[0].Id === Id, 'it is accepted', rows);
  }],
  ['a referral is accepted by a task, another is rejected', async () => {
    const { invitations: [one, two] } = await play('refer', { count: 2 });
    const started = await send('StartEngagementByAcceptingInvitationTask', { Identifier: one.id, ClientToken: token('accept') });
    const row = await finished('ListEngagementByAcceptingInvitationTasks', { TaskIdentifier: [started.TaskId] });
    const made = await send('GetOpportunity', { Identifier: row.OpportunityId });
    expect(made.LifeCycle.Stage === 'Prospect' && made.Customer.Account.Address.StreetAddress, 'the opportunity', made);
    await send('RejectEngagementInvitation', { Identifier: two.id, RejectionReason: 'Unable to support' });
    await refused('ConflictException', 'RejectEngagementInvitation', { Identifier: two.id, RejectionReason: 'Other' });
  }],
  ['a lead becomes an opportunity', async () => {
    const { invitations: [lead] } = await play('refer', { kind: 'lead' });
    await send('AcceptEngagementInvitation', { Identifier: lead.id });
    const started = await send('StartOpportunityFromEngagementTask', { Identifier: lead.engagement, ContextIdentifier: '1', ClientToken: token('lead') });
    const row = await finished('ListOpportunityFromEngagementTasks', { TaskIdentifier: [started.TaskId] });
    expect(row.TaskStatus === 'COMPLETE' && /^O/.test(row.OpportunityId), 'the task', row);
  }],
  ['prospecting', async () => {
    const started = await send('StartProspectingFromEngagementTask', { Identifiers: [task.EngagementId, space], TaskName: token('prospecting'), ClientToken: token('prospect') });
    const found = await send('GetProspectingFromEngagementTask', { TaskIdentifier: started.TaskId });
    expect(found.Engagements.map((e) => e.Status).join() === 'COMPLETED,FAILED', 'one is full of contexts', found.Engagements);
    const { TaskSummaries: [row] } = await send('ListProspectingFromEngagementTasks', { TaskName: [token('prospecting')] });
    expect(row.TotalEngagementCount === 2 && row.FailedEngagementCount === 1, 'the counts', row);
    const { Contexts } = await send('GetEngagement', { Identifier: task.EngagementId });
    expect(Contexts.some((c) => c.Payload.ProspectingResult?.Aws.Customer.AccountName), 'the result is a context', Contexts);
  }],
  ['the other error classes', async () => {
    await play('faults', { fail_next: { operation: 'ListEngagements', count: 1, kind: 'throttle' } });
    await refused('ThrottlingException', 'ListEngagements', {});
    await play('faults', { fail_next: { operation: 'ListEngagements', count: 1, kind: 'error' } });
    await refused('InternalServerException', 'ListEngagements', {});
    const classes = Object.keys(sdk).filter((name) => name.endsWith('Exception') && name !== 'PartnerCentralSellingServiceException').sort();
    expect(classes.join() === [...errors].sort().join(), `every error class of the client (${classes.join(', ')}) was seen`, [...errors].sort());
  }],
  ['every command of the client was answered', async () => {
    const commands = Object.keys(sdk).filter((name) => name.endsWith('Command') && name !== '$Command').map((name) => name.slice(0, -'Command'.length)).sort();
    const missing = commands.filter((name) => !succeeded.has(name));
    expect(commands.length === 45 && missing.length === 0, `45 commands of ${commands.length}; not exercised`, missing);
  }],
];

// The published quotas allow one write a second; the checks are not about them.
const { quotas } = await (await fetch(`${control}/_control/quotas`)).json();
await play('quotas', { ...quotas, off: true });

let passed = 0;
for (const [name, check] of checks) {
  try {
    await check();
  } catch (err) {
    console.error(`FAIL ${name}: ${err.message}`);
    await play('quotas', quotas);
    process.exit(1);
  }
  console.log(`ok   ${name}`);
  passed++;
}
await play('quotas', quotas);
client.destroy();
console.log(`${passed} checks passed, ${succeeded.size} operations`);
