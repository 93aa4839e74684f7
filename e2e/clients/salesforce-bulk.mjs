// What jsforce users do with much data and with wholes: Bulk API 2.0 jobs of both
// kinds, composite graphs, deleted and merged records, and what an administrator
// may forbid. salesforce.mjs runs these checks.
export function bulk({ check, same, refused, conn, run, move, control }) {
  const bulk2 = conn.bulk2;
  bulk2.pollInterval = 20;
  bulk2.pollTimeout = 20000;
  const keys = ['sf__Id', 'sf__Created'];
  let ids;
  check('bulk: inserts rows and tells which failed', async () => {
    const rows = Array.from({ length: 1200 }, (_, i) => ({ Name: `${run} bulk ${String(i).padStart(4, '0')}`, NumberOfEmployees: i, Industry: i % 2 ? null : 'Energy', IsPartner: i % 3 === 0 }));
    rows[7].Name = '';
    const { successfulResults: good, failedResults: bad, unprocessedRecords: rest } = await bulk2.loadAndWaitForResults({ object: 'Account', operation: 'insert', input: rows });
    same([good.length, bad.length, rest.length], [1199, 1, 0], 'results');
    same(Object.keys(good[0]), [...keys, 'Name', 'NumberOfEmployees', 'Industry', 'IsPartner'], 'the columns');
    same([good[0].sf__Created, good[0].Name, bad[0].sf__Id, bad[0].sf__Error], ['true', `${run} bulk 0000`, '', 'REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --'], 'the first rows');
    ids = good.map((r) => r.sf__Id);
    const read = await conn.sobject('Account').retrieve(ids[3], { fields: ['NumberOfEmployees', 'Industry', 'IsPartner'] });
    same([read.NumberOfEmployees, read.Industry, read.IsPartner], [3, null, true], 'the fourth row');
  });
  check('bulk: updates, with empty values and #N/A', async () => {
    const csv = `Id,Industry,NumberOfEmployees\n${ids[0]},#N/A,\n${ids[2]},Media,99\n001000000000000AAA,Media,1\n`;
    const { successfulResults: good, failedResults: bad } = await bulk2.loadAndWaitForResults({ object: 'Account', operation: 'update', input: csv });
    same([good.map((r) => r.sf__Created), bad[0].sf__Error], [['false', 'false'], 'INVALID_CROSS_REFERENCE_KEY:invalid cross reference id:--'], 'results');
    const rows = await conn.sobject('Account').retrieve([ids[0], ids[2]], { fields: ['Industry', 'NumberOfEmployees'] });
    same(rows.map((r) => [r.Industry, r.NumberOfEmployees]), [[null, 0], ['Media', 99]], 'the rows');
  });
  check('bulk: upserts by the external id, twice', async () => {
    const input = () => Array.from({ length: 250 }, (_, i) => ({ CoSell_Key__c: `${run}-bulk-${i}`, Cloud__c: 'aws' }));
    const load = () => bulk2.loadAndWaitForResults({ object: 'CoSell_Registration__c', operation: 'upsert', externalIdFieldName: 'CoSell_Key__c', input: input() });
    const [first, second] = [await load(), await load()];
    same([first.successfulResults.every((r) => r.sf__Created === 'true'), second.successfulResults.every((r) => r.sf__Created === 'false')], [true, true], 'created');
    same(second.successfulResults.map((r) => r.sf__Id).sort(), first.successfulResults.map((r) => r.sf__Id).sort(), 'the ids');
  });
  check('bulk: goes through a job by hand: open, upload, close, poll, results, delete', async () => {
    const job = bulk2.createJob({ object: 'Contact', operation: 'insert', columnDelimiter: 'SEMICOLON', lineEnding: 'CRLF' });
    const info = await job.open();
    same([info.state, info.object, info.columnDelimiter, info.lineEnding, info.apiVersion], ['Open', 'Contact', 'SEMICOLON', 'CRLF', 67], 'opened');
    await job.uploadData(`LastName;Email\r\n${run} One;one@example.com\r\n${run} Two;not an address\r\n`);
    await job.close();
    await job.poll();
    const done = await job.check();
    same([done.state, done.numberRecordsProcessed, done.numberRecordsFailed, done.jobType], ['JobComplete', 2, 1, 'V2Ingest'], 'the job');
    const raw = await job.getFailedResults(true);
    if (!raw.includes('"INVALID_EMAIL_ADDRESS:Email: invalid email address: not an address:Email --"')) throw new Error(raw);
    same((await job.getSuccessfulResults(true)).split('\r\n').length, 3, 'lines');
    await job.delete();
    await refused(() => bulk2.job('ingest', { id: job.id }).check(), 'NOT_FOUND');
  });
  check('bulk: aborts a job that waits', async () => {
    await move('bulk', { delay: '1h' });
    const job = bulk2.createJob({ object: 'Contact', operation: 'insert' });
    await job.open();
    await job.uploadData(`LastName\n${run} Never\n`);
    await job.close();
    same((await job.check()).state, 'UploadComplete', 'the state');
    await job.abort();
    same([(await job.check()).state, await job.getUnprocessedRecords()], ['Aborted', [{ LastName: `${run} Never` }]], 'aborted');
    await move('bulk', { delay: '0s' });
    same((await conn.query(`SELECT Id FROM Contact WHERE LastName = '${run} Never'`)).totalSize, 0, 'contacts');
  });
  check('bulk: is told why a job failed', async () => {
    await refused(() => bulk2.loadAndWaitForResults({ object: 'Account', operation: 'insert', input: 'Nope\nx\n' }), 'Error').then((err) => {
      same(err.message, 'Ingest job failed to complete due to: InvalidBatch : Field name not found : Nope', 'the message');
    });
    await refused(() => bulk2.loadAndWaitForResults({ object: 'Account', operation: 'insert', lineEnding: 'CRLF', input: 'Name\nx\n' }), 'Error').then((err) => {
      same(err.message, 'Ingest job failed to complete due to: ClientInputError : LineEnding is invalid on user data. Current LineEnding setting is CRLF', 'the message');
    });
    await refused(() => bulk2.createJob({ object: 'Nope__c', operation: 'insert' }).open(), 'INVALIDJOB');
    await refused(() => bulk2.createJob({ object: 'Account', operation: 'upsert' }).open(), 'INVALIDJOB');
    const twice = bulk2.createJob({ object: 'Account', operation: 'insert' });
    await twice.open();
    await twice.uploadData('Name\nx\n');
    await refused(() => bulk2.job('ingest', { id: twice.id }).uploadData('Name\ny\n'), 'BULK_API_ERROR');
    await twice.abort();
  });
  check('bulk: queries with parents, as records', async () => {
    const rows = await (await bulk2.query(`SELECT Name, NumberOfEmployees, Owner.Name, IsPartner, CreatedDate FROM Account WHERE Name LIKE '${run} bulk%' ORDER BY Name`)).toArray();
    same([rows.length, rows[3].Name, rows[3].NumberOfEmployees, rows[3].IsPartner, rows[3]['Owner.Name']], [1199, `${run} bulk 0003`, '3', 'true', 'Tandem Integration'], 'the rows');
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(rows[0].CreatedDate)) throw new Error(rows[0].CreatedDate);
  });
  check('bulk: refuses what a query job does not take', async () => {
    await refused(() => bulk2.query('SELECT COUNT(Id) FROM Account'), 'API_ERROR');
    await refused(() => bulk2.query('SELECT Nope FROM Account'), 'INVALID_FIELD');
    await move('daily-limit', { name: 'DailyBulkV2QueryJobs', limit: 10000, used: 10000 });
    await refused(() => bulk2.query('SELECT Id FROM Account'), 'LIMIT_EXCEEDED');
    await move('daily-limit', { name: 'DailyBulkV2QueryJobs', limit: 10000, used: 0 });
  });
  check('bulk: deletes, and queryAll still sees what went', async () => {
    const { successfulResults: gone } = await bulk2.loadAndWaitForResults({ object: 'Account', operation: 'delete', input: ids.slice(0, 5).map((Id) => ({ Id })) });
    same(gone.length, 5, 'deleted');
    const soql = `SELECT Name, IsDeleted FROM Account WHERE Name LIKE '${run} bulk 000%'`;
    const live = await (await bulk2.query(soql)).toArray();
    const all = await (await bulk2.query(soql, { scanAll: true })).toArray();
    same([live.length, all.length, all.filter((r) => r.IsDeleted === 'true').length], [4, 9, 5], 'rows');
    same((await conn.query(soql, { scanAll: true })).totalSize, 9, 'by REST');
  });
  check('bulk: deletes for good with the permission', async () => {
    const hard = () => bulk2.loadAndWaitForResults({ object: 'Account', operation: 'hardDelete', input: [{ Id: ids[10] }] });
    await refused(hard, 'FEATURENOTENABLED');
    await move('bulk', { hard_delete: true });
    same((await hard()).successfulResults.map((r) => r.sf__Id), [ids[10]], 'erased');
    same((await conn.query(`SELECT Id FROM Account WHERE Id = '${ids[10]}'`, { scanAll: true })).totalSize, 0, 'in the recycle bin');
    const gone = (await conn.sobject('Account').deleted(new Date(Date.now() - 3600e3), new Date(Date.now() + 120e3))).deletedRecords.map((r) => r.id);
    if (!gone.includes(ids[10]) || !gone.includes(ids[0])) throw new Error('a deletion is not reported');
  });
  check('bulk: lists the jobs of a kind', async () => {
    const { records, done } = await conn.requestGet('/services/data/v67.0/jobs/ingest?jobType=V2Ingest');
    same([done, records.length > 5, records.every((j) => j.id.startsWith('750') && j.jobType === 'V2Ingest')], [true, true, true], 'the list');
  });
  const root = '/services/data/v67.0/sobjects';
  check('graph: saves an account with what belongs to it', async () => {
    const { graphs: [one, two] } = await conn.requestPost('/composite/graph', { graphs: [
      { graphId: 'one', compositeRequest: [
        { method: 'POST', url: `${root}/Account`, referenceId: 'acc', body: { Name: `${run} graph` } },
        { method: 'POST', url: `${root}/Opportunity`, referenceId: 'opp', body: { Name: 'Deal', AccountId: '@{acc.id}', StageName: '1-Discovery', CloseDate: '2026-12-31' } },
        { method: 'PATCH', url: `${root}/CoSell_Registration__c/CoSell_Key__c/${run}-graph`, referenceId: 'reg', body: { Cloud__c: 'gcp', Opportunity__c: '@{opp.id}' } },
        { method: 'GET', url: `${root}/Opportunity/@{opp.id}?fields=AccountId`, referenceId: 'read' },
      ] },
      { graphId: 'two', compositeRequest: [
        { method: 'POST', url: `${root}/Account`, referenceId: 'acc', body: { Name: `${run} lost` } },
        { method: 'POST', url: `${root}/Opportunity`, referenceId: 'opp', body: { Name: 'No stage', AccountId: '@{acc.id}' } },
      ] },
    ] });
    const [acc, opp, reg, read] = one.graphResponse.compositeResponse;
    same([one.graphId, one.isSuccessful, acc.httpStatusCode, reg.httpStatusCode, read.body.AccountId], ['one', true, 201, 201, acc.body.id], 'the first graph');
    same((await conn.query(`SELECT Opportunity__c FROM CoSell_Registration__c WHERE CoSell_Key__c = '${run}-graph'`)).records[0].Opportunity__c, opp.body.id, 'the registration');
    same([two.isSuccessful, two.graphResponse.compositeResponse.map((r) => r.body[0].errorCode)], [false, ['PROCESSING_HALTED', 'REQUIRED_FIELD_MISSING']], 'the second graph');
    same((await conn.query(`SELECT Id FROM Account WHERE Name = '${run} lost'`)).totalSize, 0, 'what stays of it');
  });
  check('graph: is told of its limits', async () => {
    const node = (i) => ({ method: 'POST', url: `${root}/Account`, referenceId: `a${i}`, body: { Name: 'x' } });
    await refused(() => conn.requestPost('/composite/graph', { graphs: [{ graphId: 'g', compositeRequest: Array.from({ length: 501 }, (_, i) => node(i)) }] }), 'LIMIT_EXCEEDED');
    await refused(() => conn.requestPost('/composite/graph', { graphs: [{ graphId: 'g', compositeRequest: [{ method: 'GET', url: '/services/data/v67.0/query?q=x', referenceId: 'q' }] }] }), 'INVALID_INPUT');
  });
  check('follows a merge and an undelete', async () => {
    const [winner, loser] = (await conn.sobject('Account').create([{ Name: `${run} winner` }, { Name: `${run} loser` }])).map((r) => r.id);
    const contact = (await conn.sobject('Contact').create({ LastName: 'm', AccountId: loser })).id;
    await move('merge', { master: winner, losers: [loser] });
    same((await conn.sobject('Contact').retrieve(contact)).AccountId, winner, 'the account of the contact');
    const gone = (await conn.query(`SELECT IsDeleted, MasterRecordId FROM Account WHERE Id = '${loser}'`, { scanAll: true })).records[0];
    same([gone.IsDeleted, gone.MasterRecordId], [true, winner], 'the loser');
    await conn.sobject('Account').destroy(winner);
    await refused(() => conn.sobject('Contact').retrieve(contact), 'ENTITY_IS_DELETED');
    await move('undelete', { ids: [winner] });
    same((await conn.sobject('Contact').retrieve(contact)).AccountId, winner, 'after the undelete');
  });
  check('is stopped by a validation rule, a new required field and a picklist that lost a value', async () => {
    await move('setup', {
      validation_rules: [{ object: 'Opportunity', name: 'Big', when: 'Amount > 1000000', message: 'Ask the deal desk first', field: 'Amount' }],
      fields: [{ object: 'Campaign', field: 'Budget_Holder__c', required: true }, { object: 'Account', field: 'Rating', restricted: true, values: ['Hot'] }],
    });
    const deal = { Name: `${run} big`, StageName: '1-Discovery', CloseDate: '2026-12-31', Amount: 2000000 };
    const err = await refused(() => conn.sobject('Opportunity').create(deal), 'FIELD_CUSTOM_VALIDATION_EXCEPTION');
    same([err.message, err.data.fields], ['Ask the deal desk first', ['Amount']], 'the refusal');
    await refused(() => conn.sobject('Campaign').create({ Name: 'x' }), 'REQUIRED_FIELD_MISSING');
    await refused(() => conn.sobject('Account').create({ Name: 'x', Rating: 'Cold' }), 'INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST');
    const { failedResults } = await bulk2.loadAndWaitForResults({ object: 'Opportunity', operation: 'insert', input: [deal] });
    same(failedResults[0].sf__Error, 'FIELD_CUSTOM_VALIDATION_EXCEPTION:Ask the deal desk first:Amount --', 'the bulk error');
  });
  check('does not see what field-level security hides', async () => {
    await move('setup', { access: [{ object: 'Opportunity', field: 'Amount', level: 'none' }, { object: 'Opportunity', field: 'NextStep', level: 'read' }, { object: 'CoSell_Offer__c', level: 'none' }] });
    const d = await conn.sobject('Opportunity').describe();
    same([d.fields.some((f) => f.name === 'Amount'), d.fields.find((f) => f.name === 'NextStep').updateable], [false, false], 'described');
    await refused(() => conn.query('SELECT Amount FROM Opportunity'), 'INVALID_FIELD');
    await refused(() => conn.sobject('Opportunity').create({ Name: 'x', StageName: '1-Discovery', CloseDate: '2026-12-31', NextStep: 'y' }), 'INVALID_FIELD_FOR_INSERT_UPDATE');
    await refused(() => conn.sobject('CoSell_Offer__c').describe(), 'NOT_FOUND');
    const res = await fetch(`${control}/setup`, { method: 'DELETE' });
    same(res.status, 200, 'the setup is gone');
    same((await conn.query('SELECT Amount FROM Opportunity LIMIT 1')).records.length, 1, 'seen again');
  });
}
