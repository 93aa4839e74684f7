// More of what jsforce users do, beside the main job: finders with children,
// collections both ways of allOrNone, releases old and new, and the refusals
// that a program meets at the edges. salesforce.mjs runs these checks.
import jsforce from 'jsforce';

export function edges({ check, same, refused, connect, signIn, conn, run }) {
  const accounts = conn.sobject('Account');
  let ids;
  check('speaks the release that jsforce takes by default, and old ones', async () => {
    for (const version of [undefined, '31.0', '45.0', '60.0']) {
      const other = await signIn(connect(version));
      if ((await other.query('SELECT Id FROM User LIMIT 1')).totalSize !== 1) throw new Error(`version ${other.version}`);
    }
  });
  check('is told of a retired and of an unknown release', async () => {
    await refused(async () => (await signIn(connect('30.0'))).query('SELECT Id FROM User'), 'GONE');
    await refused(async () => (await signIn(connect('99.0'))).query('SELECT Id FROM User'), 'NOT_FOUND');
  });
  check('creates 450 records in chunks', async () => {
    const made = await accounts.create(Array.from({ length: 450 }, (_, i) => ({ Name: `${run} edge ${i}`, NumberOfEmployees: i })), { allowRecursive: true });
    ids = made.map((r) => r.id);
    same(made.filter((r) => r.success).length, 450, 'created');
  });
  check('stops at maxFetch', async () => {
    const found = await conn.query(`SELECT Id FROM Account WHERE Name LIKE '${run} edge%'`, { autoFetch: true, maxFetch: 120 });
    same([found.records.length, found.totalSize], [120, 450], 'fetched');
  });
  // jsforce reads one operator of each condition only, so ranges take $and.
  check('finds with where, not, sort, limit and offset', async () => {
    const found = await accounts.find({ $and: [{ NumberOfEmployees: { $gte: 10 } }, { NumberOfEmployees: { $lt: 20 } }, { Name: { $like: `${run}%` } }, { Name: { $nin: [`${run} edge 17`] } }] }, 'Name')
      .sort({ NumberOfEmployees: -1 }).limit(3).skip(1);
    same(found.map((r) => r.Name), [18, 16, 15].map((n) => `${run} edge ${n}`), 'names');
    same(await accounts.count({ Name: { $like: `${run} edge%` }, Website: { $exists: false } }), 450, 'count');
  });
  check('includes children with conditions of their own', async () => {
    await conn.sobject('Contact').create(['A', 'B', 'C'].map((LastName) => ({ LastName, AccountId: ids[0] })));
    const [one] = await accounts.find({ Id: ids[0] }, 'Id').include('Contacts').select('LastName, Account.Name').where({ LastName: { $ne: 'C' } }).orderby('LastName', 'DESC').end();
    same(one.Contacts.records.map((r) => [r.LastName, r.Account.Name]), [['B', `${run} edge 0`], ['A', `${run} edge 0`]], 'children');
  });
  check('compares with date literals', async () => {
    const { SfDate } = jsforce;
    await conn.sobject('Opportunity').find({ CloseDate: SfDate.THIS_FISCAL_QUARTER, CreatedDate: { $lte: SfDate.toDateTimeLiteral(new Date()) } }, 'Id').limit(1);
    await conn.sobject('Opportunity').find({ $and: [{ CloseDate: { $gt: SfDate.LAST_N_DAYS(30) } }, { CloseDate: { $lte: SfDate.toDateLiteral('2026-12-31') } }] }, 'Id').limit(1);
  });
  check('retrieves many, nothing for those that are not there', async () => {
    const rows = await accounts.retrieve([ids[1], '001000000000000', ids[0].slice(0, 15)], { fields: ['Name'] });
    same(rows.map((r) => r?.Name ?? null), [`${run} edge 1`, null, `${run} edge 0`], 'rows');
  });
  check('updates many: each for itself, or all or none', async () => {
    const change = [{ Id: ids[0], Name: `${run} edge zero` }, { Id: ids[1], Name: '' }];
    same((await accounts.update(change)).map((r) => r.errors[0]?.statusCode ?? 'ok'), ['ok', 'REQUIRED_FIELD_MISSING'], 'results');
    change[0].Name = `${run} never`;
    same((await accounts.update(change, { allOrNone: true })).map((r) => r.errors[0].statusCode), ['ALL_OR_NONE_OPERATION_ROLLED_BACK', 'REQUIRED_FIELD_MISSING'], 'results');
    same((await accounts.retrieve(ids[0])).Name, `${run} edge zero`, 'the name');
  });
  check('deletes many: each for itself, or all or none', async () => {
    const gone = [ids[2], ids[2], '001000000000000'];
    same((await accounts.destroy([ids[2], '001000000000000'], { allOrNone: true })).map((r) => r.success), [false, false], 'all or none');
    same((await accounts.destroy(gone)).map((r) => r.errors[0]?.statusCode ?? 'ok'), ['ok', 'ENTITY_IS_DELETED', 'INVALID_CROSS_REFERENCE_KEY'], 'results');
    await refused(() => accounts.update({ Id: ids[2], Name: 'x' }), 'ENTITY_IS_DELETED');
    await refused(() => accounts.retrieve('001000000000000'), 'NOT_FOUND');
  });
  check('is told of fields it may not write', async () => {
    await refused(() => accounts.create({ Name: 'x', CreatedDate: '2020-01-01T00:00:00Z' }), 'INVALID_FIELD_FOR_INSERT_UPDATE');
    await refused(() => accounts.create({ Name: 'x', Nope: 1 }), 'INVALID_FIELD');
    await refused(() => accounts.create({ Name: 12 }), 'JSON_PARSER_ERROR');
    await refused(() => accounts.find({ Description: { $like: '%x%' } }, 'Id'), 'INVALID_FIELD');
  });
  check('asks what was changed and deleted', async () => {
    const [from, to] = [new Date(Date.now() - 3600e3), new Date(Date.now() + 120e3)];
    if (!(await accounts.updated(from, to)).ids.includes(ids[0])) throw new Error('the change is not reported');
    if (!(await accounts.deleted(from, to)).deletedRecords.some((r) => r.id === ids[2])) throw new Error('the deletion is not reported');
  });
  check('composes calls that build on each other', async () => {
    const { compositeResponse: [made, child, read] } = await conn.requestPost('/composite', {
      allOrNone: true,
      compositeRequest: [
        { method: 'POST', url: '/services/data/v67.0/sobjects/Account', referenceId: 'a', body: { Name: `${run} composed` } },
        { method: 'POST', url: '/services/data/v67.0/sobjects/Contact', referenceId: 'c', body: { LastName: 'z', AccountId: '@{a.id}' } },
        { method: 'GET', url: '/services/data/v67.0/sobjects/Contact/@{c.id}?fields=AccountId', referenceId: 'g' },
      ],
    });
    same([made.httpStatusCode, child.httpStatusCode, read.body.AccountId], [201, 201, made.body.id], 'the answers');
  });
  check('keeps what it was told of objects', async () => {
    same((await conn.describe$('Account')).name, 'Account', 'described');
    same((await conn.describe$('Account')).name, 'Account', 'described again');
    await refused(() => conn.sobject('Nope__c').describe(), 'NOT_FOUND');
  });
  check('is told clearly of what is not there', async () => {
    await refused(() => conn.search('FIND {x} IN ALL FIELDS'), 'NOT_FOUND');
    await refused(() => conn.tooling.query('SELECT Id FROM ApexClass'), 'NOT_FOUND');
    await refused(() => conn.apex.get('/nothing/'), 'NOT_FOUND');
    same(await conn.recent(), [], 'recent');
  });
  check('signs out', async () => {
    const other = await signIn(connect('67.0'));
    const { accessToken: token, instanceUrl } = other;
    await other.logout();
    same((await fetch(`${instanceUrl}/services/data/v67.0/limits`, { headers: { Authorization: `OAuth ${token}` } })).status, 401, 'the status');
  });
}
