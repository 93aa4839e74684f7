// Drives the sandbox's Pub/Sub API with the unmodified npm client
// salesforce-pubsub-api-client: follow changes, come back where it was, publish,
// and meet what a stream meets.
//
// Environment: SALESFORCE_URL, SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET,
// PUBSUB_ENDPOINT (host:port, TLS).
// Prints one line per passed check; exits with 1 at the first that fails.
import jsforce from 'jsforce';
import PubSubApiClient from 'salesforce-pubsub-api-client';

const { SALESFORCE_URL: url, SALESFORCE_CLIENT_ID: clientId, SALESFORCE_CLIENT_SECRET: clientSecret, PUBSUB_ENDPOINT: endpoint } = process.env;
if (!url || !clientId || !clientSecret || !endpoint) {
  console.error('salesforce-events: SALESFORCE_URL, SALESFORCE_CLIENT_ID, SALESFORCE_CLIENT_SECRET and PUBSUB_ENDPOINT are needed');
  process.exit(1);
}
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const same = (got, want, what) => {
  if (JSON.stringify(got) !== JSON.stringify(want)) throw new Error(`${what} is ${JSON.stringify(got)}, want ${JSON.stringify(want)}`);
};
const move = async (path, body) => {
  const res = await fetch(`${url}/_control/${path}`, { method: 'POST', body: JSON.stringify(body ?? {}) });
  if (!res.ok) throw new Error(`control ${path}: ${res.status} ${await res.text()}`);
  return res.json();
};

// A client that is signed in, and whose subscriptions are read as a queue.
// None is closed before the end: close() takes the listeners off streams that go on,
// and an error that meets one then ends the process.
const connect = async (more = {}) => {
  const client = new PubSubApiClient({
    authType: 'oauth-client-credentials', loginUrl: url, clientId, clientSecret, pubSubEndpoint: endpoint, rejectUnauthorizedSsl: false, ...more,
  }, quiet);
  await client.connect();
  const queue = [];
  let wake = () => {};
  const callback = (subscription, type, data) => {
    queue.push({ subscription, type, data });
    wake();
  };
  const next = async (wanted, ignore = []) => {
    const until = Date.now() + 10_000;
    for (;;) {
      while (queue.length > 0) {
        const item = queue.shift();
        if (item.type === wanted) return item;
        if (!ignore.includes(item.type)) throw new Error(`${item.type} came, ${wanted} was wanted: ${item.data?.message ?? ''}`);
      }
      if (Date.now() > until) throw new Error(`no ${wanted} came`);
      await new Promise((done) => {
        wake = done;
        setTimeout(done, 200);
      });
    }
  };
  return { client, callback, next };
};
const ready = () => new Promise((done) => { setTimeout(done, 300); }); // a subscription to what comes begins when the server has it

const conn = new jsforce.Connection({ oauth2: { loginUrl: url, clientId, clientSecret }, instanceUrl: url, version: '67.0' });
await conn.authorize({ grant_type: 'client_credentials' });
const accounts = conn.sobject('Account');

const steps = [];
const check = (name, test) => steps.push([name, test]);
const changes = '/data/ChangeEvents';
let one;
let id;
let created;

check('signs in and connects by TLS', async () => {
  one = await connect();
  one.client.subscribe(changes, one.callback);
  await ready();
  same(await one.client.getConnectivityState(), 2, 'the state of the channel');
});
check('is told of a create, with its fields and its address', async () => {
  id = (await accounts.create({ Name: 'Acme', BillingCity: 'Bonn', NumberOfEmployees: 7, AnnualRevenue: 1000 })).id;
  const { data, subscription } = await one.next('event');
  const { ChangeEventHeader: header, ...fields } = data.payload;
  same([header.entityName, header.changeType, header.recordIds, header.changedFields], ['Account', 'CREATE', [id], []], 'the header');
  same([fields.Name, fields.NumberOfEmployees, fields.AnnualRevenue, fields.BillingAddress.City.string ?? fields.BillingAddress.City], ['Acme', 7, 1000, 'Bonn'], 'the fields');
  same([subscription.topicName, typeof data.replayId], [changes, 'number'], 'the subscription');
  created = data.replayId;
});
check('is told what an update changed and nulled', async () => {
  await accounts.update({ Id: id, BillingCity: null, BillingStreet: 'Way 1', NumberOfEmployees: null, Phone: '1' });
  const { ChangeEventHeader: header, ...fields } = (await one.next('event')).data.payload;
  same(header.changeType, 'UPDATE', 'the type');
  same(header.changedFields.sort(), ['BillingAddress.City', 'BillingAddress.Street', 'LastModifiedDate', 'NumberOfEmployees', 'Phone'], 'what changed');
  same(header.nulledFields.sort(), ['BillingAddress.City', 'NumberOfEmployees'], 'what was nulled');
  same([fields.Phone, fields.Name], ['1', null], 'the fields');
});
check('is told of a delete and of an undelete', async () => {
  await accounts.destroy(id);
  same((await one.next('event')).data.payload.ChangeEventHeader.changeType, 'DELETE', 'the type');
  await move('undelete', { ids: [id] });
  const { payload } = (await one.next('event')).data;
  same([payload.ChangeEventHeader.changeType, payload.Name], ['UNDELETE', 'Acme'], 'the event');
});
check('is told of custom objects', async () => {
  const deal = await conn.sobject('Opportunity').create({ Name: 'Deal', StageName: '1-Discovery', CloseDate: '2026-12-31', AccountId: id, Amount: 12.5 });
  const { payload } = (await one.next('event')).data;
  same([payload.ChangeEventHeader.entityName, payload.Amount, payload.CloseDate, payload.AccountId], ['Opportunity', 12.5, Date.parse('2026-12-31'), id], 'the deal');
  await conn.sobject('CoSell_Registration__c').create({ Opportunity__c: deal.id, Cloud__c: 'aws', CoSell_Key__c: 'k1' });
  same((await one.next('event')).data.payload.ChangeEventHeader.entityName, 'CoSell_Registration__c', 'the object');
});
check('takes a sign of life', async () => {
  await move('events', { keep_alive: '150ms' });
  const other = await connect();
  other.client.subscribe('/data/LeadChangeEvent', other.callback);
  const { subscription } = await other.next('grpcKeepAlive');
  if (!(subscription.lastReplayId > created)) throw new Error(`the newest replay id is ${subscription.lastReplayId}`);
  await move('events', { keep_alive: '270s' });
});
check('comes back where it was, and asks for so many', async () => {
  const other = await connect();
  other.client.subscribeFromReplayId('/data/AccountChangeEvent', other.callback, 2, created);
  for (const want of ['UPDATE', 'DELETE']) same((await other.next('event')).data.payload.ChangeEventHeader.changeType, want, 'the type');
  await other.next('lastEvent');
  other.client.requestAdditionalEvents('/data/AccountChangeEvent', 1);
  same((await other.next('event')).data.payload.ChangeEventHeader.changeType, 'UNDELETE', 'the type');
});
check('reads everything that is kept', async () => {
  const other = await connect();
  other.client.subscribeFromEarliestEvent('/data/AccountChangeEvent', other.callback, 1);
  same((await other.next('event')).data.payload.ChangeEventHeader.recordIds, [id], 'the first record');
});
check('takes a gap', async () => {
  await move('events', { gap: { object: 'Account', kind: 'GAP_UPDATE', ids: [id] } });
  const { ChangeEventHeader: header } = (await one.next('event', ['grpcKeepAlive'])).data.payload;
  same([header.changeType, header.recordIds], ['GAP_UPDATE', [id]], 'the gap');
});
check('is refused an unknown topic and a position that is known no more', async () => {
  const code = (err) => err.metadata.get('error-code')[0];
  const other = await connect();
  other.client.subscribe('/data/NopeChangeEvent', other.callback, 1);
  same(code((await other.next('error', ['end', 'grpcStatus'])).data), 'sfdc.platform.eventbus.grpc.topic.not.found', 'the code');
  other.client.subscribeFromReplayId(changes, other.callback, 1, 1);
  same(code((await other.next('error', ['end', 'grpcStatus'])).data), 'sfdc.platform.eventbus.grpc.subscription.fetch.replayid.corrupted', 'the code');
});
check('is told that its session ended', async () => {
  await move('sessions/expire');
  const { data } = await one.next('error', ['end', 'grpcStatus', 'grpcKeepAlive']);
  same([data.code, data.metadata.get('error-code')[0]], [16, 'sfdc.platform.eventbus.grpc.service.auth.error'], 'the error');
  one.client.close();
});
check('publishes one, and a batch on a stream', async () => {
  const other = await connect();
  const signal = '/event/Co_Sell_Signal__e';
  other.client.subscribe(signal, other.callback, 5);
  await ready();
  const payload = (text) => ({ CreatedDate: Date.now(), CreatedById: '005000000000001', Subject__c: { string: text }, Amount__c: null });
  const result = await other.client.publish(signal, payload('one'), 'key-1');
  same(result.correlationKey, 'key-1', 'the key');
  const { data } = await other.next('event');
  same([data.payload.Subject__c, data.replayId, data.id], ['one', result.replayId, 'key-1'], 'the event');
  const answered = new Promise((done) => {
    other.client.publishBatch(signal, [{ payload: payload('two') }, { id: 'key-3', payload: payload('three') }], (_info, type, answer) => { if (type === 'publishResponse') done(answer); });
  });
  same((await answered).results.map((r) => r.correlationKey)[1], 'key-3', 'the keys');
  for (const text of ['two', 'three']) same((await other.next('event')).data.payload.Subject__c, text, 'the text');
});

for (const [name, test] of steps) {
  try {
    await test();
    console.log(`ok ${name}`);
  } catch (err) {
    console.error(`not ok ${name}: ${err.stack}`);
    process.exit(1);
  }
}
console.log(`${steps.length} checks`);
process.exit(0);
