// Drives the Salesforce sandbox with the unmodified npm client jsforce, as the
// main job does: sign in, page through a query, upsert, hit each kind of
// refusal, and sign in again after the session ended.
//
// Environment: SALESFORCE_URL, SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET,
// CONTROL_URL (the sandbox's address, with or without /_control).
// Prints one line per passed check; exits with 1 at the first that fails.
import jsforce from 'jsforce';
import { bulk } from './salesforce-bulk.mjs';
import { edges } from './salesforce-edges.mjs';

const env = (name, fallback) => {
  const value = process.env[name] ?? fallback;
  if (!value) {
    console.error(`salesforce: the environment variable ${name} is not set`);
    process.exit(1);
  }
  return value;
};
const url = env('SALESFORCE_URL').replace(/\/$/, '');
const control = `${env('CONTROL_URL', url).replace(/(\/_control)?\/?$/, '')}/_control`;
const clientId = env('SALESFORCE_CLIENT_ID');
const clientSecret = env('SALESFORCE_CLIENT_SECRET');
const run = `js${Date.now().toString(36)}`;

const steps = [];
const check = (name, test) => steps.push([name, test]);
const same = (got, want, what) => {
  if (JSON.stringify(got) !== JSON.stringify(want)) {
    throw new Error(`${what} is ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
  }
};
const refused = async (call, code) => {
  try {
    await call();
  } catch (err) {
    same(err.errorCode ?? err.name, code, 'the error code');
    return err;
  }
  throw new Error(`nothing was refused; ${code} was wanted`);
};
const move = async (path, body) => {
  const res = await fetch(`${control}/${path}`, { method: 'POST', body: typeof body === 'string' ? body : JSON.stringify(body ?? {}) });
  if (!res.ok) throw new Error(`control ${path}: ${res.status} ${await res.text()}`);
  return res.json();
};

const oauth2 = new jsforce.OAuth2({ loginUrl: url, clientId, clientSecret });
const connect = (version) => new jsforce.Connection({ oauth2, loginUrl: url, instanceUrl: url, maxRequest: 5, ...(version && { version }) });
const signIn = async (conn) => {
  await conn.authorize({ grant_type: 'client_credentials' });
  return conn;
};
const conn = connect('67.0');
let account;
let opportunity;

check('signs in with client credentials', async () => {
  await signIn(conn);
  same(conn.instanceUrl, url, 'the instance');
});
check('is refused with a wrong secret', async () => {
  const bad = new jsforce.Connection({ oauth2: new jsforce.OAuth2({ loginUrl: url, clientId, clientSecret: 'wrong' }), loginUrl: url, instanceUrl: url });
  await refused(() => bad.authorize({ grant_type: 'client_credentials' }), 'invalid_client');
});
check('tells who it is', async () => {
  const me = await conn.identity();
  if (!me.username || !me.organization_id.startsWith('00D')) throw new Error(JSON.stringify(me));
});
check('creates records', async () => {
  account = (await conn.sobject('Account').create({ Name: `${run} Acme`, BillingCountryCode: 'US' })).id;
  opportunity = (await conn.sobject('Opportunity').create({
    Name: `${run} deal`, AccountId: account, StageName: '4-Proposal', CloseDate: '2026-12-31', Amount: 1200.5,
  })).id;
  same(opportunity.slice(0, 3), '006', 'the prefix');
});
check('retrieves a record', async () => {
  const row = await conn.sobject('Opportunity').retrieve(opportunity);
  same([row.Amount, row.ForecastCategoryName, row.Probability], [1200.5, 'Best Case', 50], 'the row');
});
check('updates a record', async () => {
  await conn.sobject('Opportunity').update({ Id: opportunity, StageName: 'Closed Won' });
  same((await conn.sobject('Opportunity').retrieve(opportunity)).IsWon, true, 'IsWon');
});
check('upserts one record: created, then updated', async () => {
  const first = await conn.sobject('CoSell_Registration__c').upsert({ CoSell_Key__c: `${run}-one`, Cloud__c: 'aws', Opportunity__c: opportunity }, 'CoSell_Key__c');
  same([first.success, first.created], [true, true], 'the first');
  const second = await conn.sobject('CoSell_Registration__c').upsert({ CoSell_Key__c: `${run}-ONE`, Portal_Status__c: 'Approved' }, 'CoSell_Key__c');
  same([second.id, second.created], [first.id, false], 'the second');
});
check('upserts 250 records in collections', async () => {
  const records = Array.from({ length: 250 }, (_, i) => ({ CoSell_Key__c: `${run}-${i}`, Cloud__c: i === 7 ? 'ibm' : 'gcp' }));
  const results = await conn.sobject('CoSell_Registration__c').upsert(records, 'CoSell_Key__c', { allowRecursive: true });
  same([results.length, results.filter((r) => r.success).length], [250, 249], 'results');
  same(results[7].errors[0].statusCode, 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST', 'the one error');
});
check('logs an activity exactly once', async () => {
  for (let i = 0; i < 2; i++) {
    await conn.sobject('Task').upsert({ CoSell_Activity_Key__c: `${run}-task`, Subject: 'Co-sell: approved', WhatId: opportunity, Status: 'Completed' }, 'CoSell_Activity_Key__c');
  }
  same((await conn.query(`SELECT Id FROM Task WHERE WhatId = '${opportunity}'`)).totalSize, 1, 'tasks');
});
check('pages through a query with autoFetch', async () => {
  const lines = Array.from({ length: 4300 }, (_, i) => JSON.stringify({ type: 'Account', fields: { Name: `${run} paged ${String(i).padStart(5, '0')}` } }));
  same((await move('load', lines.join('\n'))).loaded, 4300, 'loaded');
  const names = new Set();
  await new Promise((resolve, reject) => {
    conn.query(`SELECT Id, Name FROM Account WHERE Name LIKE '${run} paged%' ORDER BY Name`)
      .on('record', (r) => names.add(r.Name)).on('end', resolve).on('error', reject)
      .run({ autoFetch: true, maxFetch: 10000 });
  });
  same(names.size, 4300, 'records');
});
check('pages by hand with queryMore', async () => {
  let page = await conn.query(`SELECT Id FROM Account WHERE Name LIKE '${run} paged%'`);
  const sizes = [page.records.length];
  while (!page.done) {
    page = await conn.queryMore(page.nextRecordsUrl);
    sizes.push(page.records.length);
  }
  same(sizes, [2000, 2000, 300], 'page sizes');
});
check('reads parents, children and aggregates', async () => {
  const one = (await conn.query(`SELECT Account.Name, (SELECT Subject FROM Tasks) FROM Opportunity WHERE Id = '${opportunity}'`)).records[0];
  same([one.Account.Name, one.Tasks.totalSize], [`${run} Acme`, 1], 'the record');
  const sum = (await conn.query(`SELECT StageName, COUNT(Id) n FROM Opportunity WHERE Id = '${opportunity}' GROUP BY StageName`)).records[0];
  same([sum.StageName, sum.n], ['Closed Won', 1], 'the group');
});
check('finds records by conditions', async () => {
  const found = await conn.sobject('CoSell_Registration__c').find({ CoSell_Key__c: `${run}-one` }, ['Id', 'Portal_Status__c']);
  same([found.length, found[0].Portal_Status__c], [1, 'Approved'], 'found');
});
check('describes objects', async () => {
  const all = await conn.describeGlobal();
  if (!all.sobjects.some((o) => o.name === 'CoSell_Registration__c')) throw new Error('CoSell_Registration__c is not listed');
  const d = await conn.sobject('Opportunity').describe();
  same(d.fields.find((f) => f.name === 'Fulfillment_Partner__c').referenceTo, ['Account'], 'referenceTo');
});
check('reads limits and the usage header', async () => {
  const limits = await conn.request('/services/data/v67.0/limits');
  if (!(limits.DailyApiRequests.Max > 0)) throw new Error(JSON.stringify(limits));
  same(conn.limitInfo.apiUsage.limit, limits.DailyApiRequests.Max, 'the limit');
});
check('is told of a malformed query', () => refused(() => conn.query('SELECT BAD'), 'MALFORMED_QUERY'));
check('is told of an unknown field', () => refused(() => conn.query('SELECT Nope FROM Account'), 'INVALID_FIELD'));
check('is told of a missing field', () => refused(() => conn.sobject('Opportunity').create({ Name: 'x' }), 'REQUIRED_FIELD_MISSING'));
check('is told of a duplicate', () => refused(
  () => conn.sobject('CoSell_Registration__c').create({ CoSell_Key__c: `${run}-one`, Cloud__c: 'aws' }), 'DUPLICATE_VALUE'));
check('is told of a locked row', async () => {
  await move('lock-row', { id: opportunity, times: 1 });
  await refused(() => conn.sobject('Opportunity').update({ Id: opportunity, Amount: 1 }), 'UNABLE_TO_LOCK_ROW');
});
check('is told of an exhausted quota', async () => {
  await move('faults', { fail_next: { operation: 'query', count: 1, kind: 'throttle' } });
  await refused(() => conn.query('SELECT Id FROM User'), 'REQUEST_LIMIT_EXCEEDED');
});
check('gets over a server that is away for a moment', async () => {
  await move('faults', { fail_next: { operation: 'query', count: 1, kind: 'error' } });
  await conn.query('SELECT Id FROM User');
});
check('deletes records', async () => {
  const gone = await conn.sobject('CoSell_Registration__c').find({ CoSell_Key__c: { $like: `${run}-%` } }, ['Id']).limit(250);
  const results = await conn.sobject('CoSell_Registration__c').destroy(gone.map((r) => r.Id), { allowRecursive: true });
  same(results.filter((r) => r.success).length, gone.length, 'deleted');
  await refused(() => conn.sobject('CoSell_Registration__c').retrieve(gone[0].Id), 'ENTITY_IS_DELETED');
});
edges({ check, same, refused, connect, signIn, conn, run });
bulk({ check, same, refused, conn, run, move, control });
check('is told of an expired session and signs in again', async () => {
  await move('sessions/expire');
  const res = await fetch(`${url}/services/data/v67.0/limits`, { headers: { Authorization: `Bearer ${conn.accessToken}` } });
  same([res.status, (await res.json())[0].errorCode], [401, 'INVALID_SESSION_ID'], 'the answer');
  try { // jsforce has nothing to renew this kind of session with, and says so
    await conn.query('SELECT Id FROM User');
    throw new Error('a query ran in an expired session');
  } catch (err) {
    if (!err.message.includes('Unable to refresh session')) throw err;
  }
  await signIn(conn);
  if ((await conn.query('SELECT Id FROM User')).totalSize < 1) throw new Error('no users');
});
check('renews an expired session by itself when told how', async () => {
  const renewing = new jsforce.Connection({
    oauth2, loginUrl: url, instanceUrl: url, version: '67.0',
    refreshFn: (c, done) => c.oauth2.requestToken({ grant_type: 'client_credentials' })
      .then((token) => done(null, token.access_token, token)).catch(done),
  });
  await signIn(renewing);
  await move('sessions/expire');
  if ((await renewing.query('SELECT Id FROM User')).totalSize < 1) throw new Error('no users');
});

for (const [name, test] of steps) {
  try {
    await test();
    console.log(`ok: salesforce: ${name}`);
  } catch (err) {
    console.error(`FAILED: salesforce: ${name}: ${err.message}`);
    process.exit(1);
  }
}
