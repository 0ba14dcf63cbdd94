// The unmodified CloudEvents SDK for JavaScript against a running Mainstay: node events.mjs URL ANON_KEY SERVICE_KEY
// What it sends in each of its modes comes back as the same event. The last line counts.
import { CloudEvent, HTTP, Mode, emitterFor, httpTransport } from 'cloudevents';

const [url, , serviceKey] = process.argv.slice(2);
const place = `${url}/events/v1`;
const authorization = `Bearer ${serviceKey}`;
let passed = 0;
let failed = 0;

function check(name, good, told) {
  if (good) {
    passed += 1;
  } else {
    failed += 1;
    console.log('FAIL', name, JSON.stringify(told)?.slice(0, 600));
  }
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

async function post(message) {
  const answer = await fetch(place, { method: 'POST', headers: { ...message.headers, authorization }, body: message.body });
  return { status: answer.status, body: await answer.text() };
}

/** The events of one source, as the SDK reads the log, once there are so many. */
async function log(source, count) {
  for (let tries = 0; tries < 100; tries += 1) {
    const answer = await fetch(`${place}?limit=1000&wait=1`, { headers: { authorization } });
    const events = HTTP.toEvent({ headers: Object.fromEntries(answer.headers), body: await answer.text() });
    const found = events.filter((event) => event.source === source);
    if (found.length >= count) return found;
    await new Promise((done) => setTimeout(done, 50));
  }
  return [];
}

const sent = [
  new CloudEvent({ id: 'json', type: 'org.example.sold', source: '/js', subject: 'a b %', data: { price: 0.99, tags: ['x', null] }, time: '2026-01-31T23:59:59.500Z' }),
  new CloudEvent({ id: 'text', type: 'org.example.sold', source: '/js', datacontenttype: 'text/plain', data: 'plain' }),
  new CloudEvent({ id: 'extended', type: 'org.example.sold', source: '/js', partitionkey: 'till-7', flag: true, count: 3, data: [] }),
];
for (const mode of ['structured', 'binary']) {
  for (const event of sent) {
    const answer = await post(HTTP[mode](event.cloneWith({ source: `/js/${mode}` })));
    check(`${mode} ${event.id}`, answer.status === 202, answer);
  }
  const found = await log(`/js/${mode}`, sent.length);
  check(`${mode} read`, found.length === sent.length, found);
  for (const [place, event] of sent.entries()) {
    const read = found[place] ?? {};
    check(`${mode} ${event.id} read`, read.id === event.id && read.type === event.type && read.subject === event.subject && same(read.data, event.data), read);
    check(`${mode} ${event.id} has a place`, /^[0-9]{20}$/.test(read.sequence), read);
  }
  check(`${mode} extensions`, found[2]?.partitionkey === 'till-7' && String(found[2]?.flag) === 'true' && String(found[2]?.count) === '3', found[2]);
  check(`${mode} time`, new Date(found[0]?.time).getTime() === Date.UTC(2026, 0, 31, 23, 59, 59, 500), found[0]);
}

// An emitter as the SDK has it, with its own transport, which knows no headers of ours: the token goes with the message.
const emit = emitterFor((message, options) => post(message).then((answer) => ({ ...answer, options })), { binding: HTTP, mode: Mode.STRUCTURED });
const emitted = await emit(sent[0].cloneWith({ source: '/js/emitted' }));
check('emitter', emitted.status === 202, emitted);
const again = await emit(sent[0].cloneWith({ source: '/js/emitted' }));
check('sent again', again.status === 202, again);
check('once', (await log('/js/emitted', 1)).length === 1, null);
check('a transport of its own', typeof httpTransport(place) === 'function', null);

const many = sent.map((event) => event.cloneWith({ source: '/js/batch' }));
const batch = await post({ headers: { 'content-type': 'application/cloudevents-batch+json' }, body: JSON.stringify(many) });
check('batch', batch.status === 200 && same(JSON.parse(batch.body).map((one) => one.status), [202, 202, 202]), batch);
check('batch read', same((await log('/js/batch', 3)).map((event) => event.id), sent.map((event) => event.id)), null);

const wrong = await post({ headers: { 'content-type': 'application/cloudevents+json' }, body: '{"specversion":"1.0"}' });
check('refused', wrong.status === 400 && JSON.parse(wrong.body).code === 'events.event_invalid', wrong);

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
