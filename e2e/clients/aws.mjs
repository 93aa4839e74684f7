// Runs the unmodified npm client @aws-sdk/client-partnercentral-selling through
// the whole life of an opportunity against a Partner Central sandbox.
//
// Environment: AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
// AWS_REGION, CONTROL_URL (the sandbox's address; its /_control pages play AWS).
// The package is looked for beside this file, then in the working directory.
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

async function rejection(promise, type, what) {
  try {
    await promise;
  } catch (err) {
    expect(err instanceof type, `${what}: expected the SDK's own ${type.name}`, `${err.name}: ${err.message}`);
    expect(err.$metadata?.requestId, `${what}: the error has no request id`, err.$metadata);
    return err;
  }
  throw new Error(`${what}: was not refused`);
}

const sdk = load();
const control = env('CONTROL_URL').replace(/\/$/, '');
const run = randomUUID().slice(0, 8);
const options = {
  endpoint: env('AWS_ENDPOINT_URL'),
  region: env('AWS_REGION'),
  credentials: { accessKeyId: env('AWS_ACCESS_KEY_ID'), secretAccessKey: env('AWS_SECRET_ACCESS_KEY') },
};
const client = new sdk.PartnerCentralSellingClient(options);
const send = (command, input) => client.send(new sdk[`${command}Command`](input));

async function play(page, body) {
  const response = await fetch(`${control}/_control/${page}`, { method: 'POST', body: JSON.stringify(body) });
  const answer = await response.json();
  expect(response.ok, `control page ${page}`, answer);
  return answer;
}

function deal(n, changes = {}) {
  const close = new Date(Date.now() + 200 * 86_400_000).toISOString().slice(0, 10);
  return {
    Catalog: 'AWS',
    Origin: 'Partner Referral',
    OpportunityType: 'Net New Business',
    PartnerOpportunityIdentifier: `crm-${run}-${n}`,
    PrimaryNeedsFromAws: ['Co-Sell - Technical Consultation'],
    Customer: {
      Account: {
        CompanyName: `Fernhollow Logistics ${run} ${n}`,
        Industry: 'Transportation and Logistics',
        WebsiteUrl: 'https://www.fernhollow.example',
        Address: { CountryCode: 'US', StateOrRegion: 'Washington', PostalCode: '98101', City: 'Seattle' },
      },
      Contacts: [{ FirstName: 'Mira', LastName: 'Oakhelm', Email: 'mira.oakhelm@fernhollow.example', Phone: '+12065550142', BusinessTitle: 'CIO' }],
    },
    Project: {
      Title: `Release platform ${run} ${n}`,
      CustomerBusinessProblem: 'Releases take nine weeks because six teams keep their own pipelines; the customer wants one audited platform on EKS.',
      CustomerUseCase: 'Containers & Serverless',
      DeliveryModels: ['SaaS or PaaS'],
      SalesActivities: ['Customer has shown interest in solution'],
      ExpectedCustomerSpend: [{ Amount: '8200.00', CurrencyCode: 'USD', Frequency: 'Monthly', TargetCompany: 'AWS' }],
    },
    Marketing: { Source: 'None' },
    LifeCycle: { Stage: 'Qualified', TargetCloseDate: close, NextSteps: `${close} architecture workshop, owner M. Oakhelm` },
    ...changes,
  };
}

let id;
let stale;

// whole reads the record and gives it as UpdateOpportunity wants it: the whole.
async function whole() {
  const { $metadata, Id, Arn, CreatedDate, RelatedEntityIdentifiers, OpportunityTeam, ...record } = await send('GetOpportunity', { Catalog: 'AWS', Identifier: id });
  return { ...record, Identifier: Id };
}

async function status() {
  const record = await send('GetOpportunity', { Catalog: 'AWS', Identifier: id });
  return record.LifeCycle.ReviewStatus;
}

const checks = [
  ['ListSolutions gives an active solution', async () => {
    const out = await send('ListSolutions', { Catalog: 'AWS', Status: ['Active'], MaxResults: 100 });
    expect(out.SolutionSummaries.length > 0 && out.SolutionSummaries[0].CreatedDate instanceof Date, 'at least one solution with a date', out.SolutionSummaries);
  }],
  ['a validation error arrives as ValidationException with its ErrorList', async () => {
    const bad = deal('bad', { PrimaryNeedsFromAws: ['Nothing'], Customer: { Account: { CompanyName: 'X', Duns: '12' } } });
    const err = await rejection(send('CreateOpportunity', bad), sdk.ValidationException, 'a create with wrong values');
    expect(err.Reason === 'REQUEST_VALIDATION_FAILED', 'the reason', err.Reason);
    const found = err.ErrorList.map((e) => `${e.FieldName} ${e.Code}`).sort();
    expect(JSON.stringify(found) === JSON.stringify(['Customer.Account.Duns INVALID_STRING_FORMAT', 'PrimaryNeedsFromAws.0 INVALID_ENUM_VALUE']), 'both fields are named', found);
  }],
  ['a broken business rule says so', async () => {
    const bad = deal('rule');
    bad.Customer.Account.Address.PostalCode = '981';
    const err = await rejection(send('CreateOpportunity', bad), sdk.ValidationException, 'a wrong postal code');
    expect(err.Reason === 'BUSINESS_VALIDATION_FAILED' && err.ErrorList[0].FieldName === 'Customer.Account.Address.PostalCode', 'the reason and the field', err.ErrorList);
  }],
  ['CreateOpportunity, and the same client token makes nothing twice', async () => {
    const input = deal('main', { ClientToken: `create-${run}` });
    const first = await send('CreateOpportunity', input);
    const second = await send('CreateOpportunity', input);
    expect(first.Id && first.Id === second.Id, 'one id', [first.Id, second.Id]);
    id = first.Id;
    const err = await rejection(send('CreateOpportunity', { ...input, OpportunityType: 'Expansion' }), sdk.ConflictException, 'the token with another body');
    expect(/Conflicting client token/.test(err.message), 'the message', err.message);
  }],
  ['AssociateOpportunity with a solution and a product; a duplicate is a ConflictException', async () => {
    const { SolutionSummaries: [solution] } = await send('ListSolutions', { Catalog: 'AWS', Status: ['Active'] });
    const input = { Catalog: 'AWS', OpportunityIdentifier: id, RelatedEntityType: 'Solutions', RelatedEntityIdentifier: solution.Id };
    await send('AssociateOpportunity', input);
    await send('AssociateOpportunity', { ...input, RelatedEntityType: 'AwsProducts', RelatedEntityIdentifier: 'AWSLambda' });
    await rejection(send('AssociateOpportunity', input), sdk.ConflictException, 'the same association again');
    const record = await send('GetOpportunity', { Catalog: 'AWS', Identifier: id });
    expect(record.RelatedEntityIdentifiers.Solutions?.[0] === solution.Id && record.RelatedEntityIdentifiers.AwsProducts?.[0] === 'AWSLambda', 'both are there', record.RelatedEntityIdentifiers);
  }],
  ['StartEngagementFromOpportunityTask, polled until COMPLETE', async () => {
    const task = await send('StartEngagementFromOpportunityTask', { Catalog: 'AWS', Identifier: id, ClientToken: `start-${run}`, AwsSubmission: { InvolvementType: 'Co-Sell', Visibility: 'Full' } });
    expect(task.TaskStatus === 'IN_PROGRESS' && task.StartTime instanceof Date, 'it is in progress', task);
    let row;
    for (let i = 0; i < 100; i++) {
      ({ TaskSummaries: [row] } = await send('ListEngagementFromOpportunityTasks', { Catalog: 'AWS', TaskIdentifier: [task.TaskId] }));
      if (row.TaskStatus !== 'IN_PROGRESS') break;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(row.TaskStatus === 'COMPLETE' && /^eng-/.test(row.EngagementId) && /^engi-/.test(row.EngagementInvitationId) && /^job-/.test(row.ResourceSnapshotJobId), 'it is complete', row);
    expect(['Submitted', 'In review', 'Approved'].includes(await status()), 'the opportunity is submitted', await status());
  }],
  ['the AWS reviewer approves', async () => {
    if ((await status()) !== 'Approved') await play('review', { opportunity: id, decision: 'Approved' });
    expect((await status()) === 'Approved', 'it is approved', await status());
  }],
  ['GetAwsOpportunitySummary shows the AWS side', async () => {
    await play('aws-update', { opportunity: id, stage: 'Seller Engaged', next_steps: 'First joint call is set' });
    const out = await send('GetAwsOpportunitySummary', { Catalog: 'AWS', RelatedOpportunityIdentifier: id });
    expect(out.LifeCycle.Stage === 'Seller Engaged' && out.LifeCycle.NextSteps === 'First joint call is set', 'stage and next steps', out.LifeCycle);
    expect(out.OpportunityTeam.length > 0 && out.CosellMotion && out.Insights.EngagementScore && out.LifeCycle.NextStepsHistory[0].Time instanceof Date, 'team, motion, insights, history', out);
  }],
  ['UpdateOpportunity sends the whole record back', async () => {
    stale = await whole();
    const record = { ...stale, LifeCycle: { ...stale.LifeCycle, Stage: 'Technical Validation' } };
    const out = await send('UpdateOpportunity', record);
    expect(out.LastModifiedDate > stale.LastModifiedDate, 'a later LastModifiedDate', out.LastModifiedDate);
    const now = await whole();
    expect(now.LifeCycle.Stage === 'Technical Validation' && now.Project.Title === stale.Project.Title, 'the new stage, the rest as it was', now);
  }],
  ['a stale LastModifiedDate arrives as ConflictException', async () => {
    await rejection(send('UpdateOpportunity', stale), sdk.ConflictException, 'an update of an old read');
  }],
  ['a locked field is refused by its name', async () => {
    const record = await whole();
    const err = await rejection(send('UpdateOpportunity', { ...record, Project: { ...record.Project, Title: 'Another title' } }), sdk.ValidationException, 'a title after approval');
    expect(err.ErrorList.some((e) => e.FieldName === 'Project.Title' && e.Code === 'ACTION_NOT_PERMITTED'), 'the field', err.ErrorList);
  }],
  ['an unknown opportunity arrives as ResourceNotFoundException', async () => {
    await rejection(send('GetOpportunity', { Catalog: 'AWS', Identifier: 'O1' }), sdk.ResourceNotFoundException, 'an id that is not there');
  }],
  ['a throttle arrives as ThrottlingException, and the client’s own retry gets through one', async () => {
    await play('faults', { fail_next: { operation: 'GetOpportunity', count: 1, kind: 'throttle' } });
    expect((await status()) === 'Approved', 'the retry gets through', await status());
    const impatient = new sdk.PartnerCentralSellingClient({ ...options, maxAttempts: 1 });
    await play('faults', { fail_next: { operation: 'GetOpportunity', count: 1, kind: 'throttle' } });
    await rejection(impatient.send(new sdk.GetOpportunityCommand({ Catalog: 'AWS', Identifier: id })), sdk.ThrottlingException, 'a throttled read');
    impatient.destroy();
  }],
  ['a lost answer to a create is repeated by the client without a second record', async () => {
    await play('faults', { fail_next: { operation: 'CreateOpportunity', count: 1, kind: 'lost_reply' } });
    const out = await send('CreateOpportunity', deal('lost', { ClientToken: `lost-${run}` }));
    const name = `Fernhollow Logistics ${run} lost`;
    const { OpportunitySummaries: rows } = await send('ListOpportunities', { Catalog: 'AWS', CustomerCompanyName: [name] });
    expect(rows.length === 1 && rows[0].Id === out.Id, 'one record', rows.map((r) => r.Id));
  }],
  ['the paginator walks all pages of ListOpportunities', async () => {
    const made = new Set([id]);
    for (let i = 0; i < 6; i++) made.add((await send('CreateOpportunity', deal(`page${i}`, { ClientToken: `page-${run}-${i}` }))).Id);
    const seen = [];
    let pages = 0;
    for await (const page of sdk.paginateListOpportunities({ client, pageSize: 2 }, { Catalog: 'AWS', Sort: { SortBy: 'Identifier', SortOrder: 'ASCENDING' } })) {
      pages++;
      seen.push(...page.OpportunitySummaries.map((o) => o.Id));
    }
    expect(pages >= 4 && new Set(seen).size === seen.length && [...made].every((o) => seen.includes(o)), 'every id once', { pages, seen });
  }],
  ['tags are set, listed and removed', async () => {
    const { Arn } = await send('GetOpportunity', { Catalog: 'AWS', Identifier: id });
    await send('TagResource', { ResourceArn: Arn, Tags: [{ Key: 'region', Value: 'EMEA' }, { Key: 'x', Value: '' }] });
    await send('UntagResource', { ResourceArn: Arn, TagKeys: ['x'] });
    const { Tags } = await send('ListTagsForResource', { ResourceArn: Arn });
    expect(JSON.stringify(Tags) === JSON.stringify([{ Key: 'region', Value: 'EMEA' }]), 'one tag', Tags);
  }],
  ['AssignOpportunity changes the owner', async () => {
    await send('AssignOpportunity', { Catalog: 'AWS', Identifier: id, Assignee: { Email: 'bo.holt@partner.example', FirstName: 'Bo', LastName: 'Holt', BusinessTitle: 'Alliance manager' } });
    const { OpportunityTeam } = await send('GetOpportunity', { Catalog: 'AWS', Identifier: id });
    expect(OpportunityTeam?.[0]?.Email === 'bo.holt@partner.example', 'the owner', OpportunityTeam);
  }],
  ['a wrong secret is refused', async () => {
    const wrong = new sdk.PartnerCentralSellingClient({ ...options, credentials: { ...options.credentials, secretAccessKey: 'wrong' } });
    const err = await rejection(wrong.send(new sdk.ListOpportunitiesCommand({ Catalog: 'AWS' })), sdk.PartnerCentralSellingServiceException, 'a wrong signature');
    expect(err.name === 'InvalidSignatureException' && err.$metadata.httpStatusCode === 403, 'the name and the status', [err.name, err.$metadata.httpStatusCode]);
    wrong.destroy();
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
console.log(`${passed} checks passed`);
