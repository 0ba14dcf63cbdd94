// Unmodified supabase-js against a running Mainstay over examples/chinook and more.sql: node supabase.mjs URL ANON_KEY SERVICE_KEY
// Every check is a call as a user writes it, and what must come of it. The last line counts.
import { createClient } from '@supabase/supabase-js';
import ws from 'ws';

const [url, anonKey, serviceKey] = process.argv.slice(2);
const options = { realtime: { transport: ws }, auth: { persistSession: false } };
const anon = createClient(url, anonKey, options);
const service = createClient(url, serviceKey, options);
let passed = 0;
let failed = 0;

/** Runs a call; `good` judges what came of it. */
async function check(name, call, good) {
  let answer;
  try {
    answer = await call();
    if (good(answer)) {
      passed += 1;
      return answer;
    }
  } catch (error) {
    answer = { thrown: String(error), cause: String(error?.cause ?? '') };
  }
  failed += 1;
  console.log('FAIL', name, JSON.stringify(answer)?.slice(0, 600));
  return answer;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
/** The names of the things that a filter leaves. */
const things = (name, filter, wanted) =>
  check(name, () => filter(anon.from('thing').select('name').order('name')), (r) => !r.error && same(r.data.map((row) => row.name), wanted));
const refused = (name, call, code, status) => check(name, call, (r) => r.data == null && r.error?.code === code && r.status === status);

// ------------------------------------------------------------------------------------------------ filters
await things('eq', (q) => q.eq('name', 'buoy'), ['buoy']);
await things('neq', (q) => q.neq('name', 'buoy'), ['anchor', 'chain']);
await things('gt', (q) => q.gt('id', 1), ['buoy', 'chain']);
await things('gte', (q) => q.gte('id', 2), ['buoy', 'chain']);
await things('lt', (q) => q.lt('id', 2), ['anchor']);
await things('lte', (q) => q.lte('id', 2), ['anchor', 'buoy']);
await things('like', (q) => q.like('name', '%ch%'), ['anchor', 'chain']);
await things('ilike', (q) => q.ilike('name', 'BU%'), ['buoy']);
await things('likeAllOf', (q) => q.likeAllOf('name', ['a%', '%r']), ['anchor']);
await things('likeAnyOf', (q) => q.likeAnyOf('name', ['a%', 'b%']), ['anchor', 'buoy']);
await things('ilikeAllOf', (q) => q.ilikeAllOf('name', ['A%', '%R']), ['anchor']);
await things('ilikeAnyOf', (q) => q.ilikeAnyOf('name', ['A%', 'B%']), ['anchor', 'buoy']);
await things('is null', (q) => q.is('mood', null), ['chain']);
await things('in', (q) => q.in('name', ['buoy', 'chain', 'no, "such"']), ['buoy', 'chain']);
await things('in enum', (q) => q.in('mood', ['glad']), ['anchor']);
await things('contains array', (q) => q.contains('tags', ['heavy', 'iron']), ['anchor']);
await things('contains json', (q) => q.contains('facts', { in: { port: true } }), ['anchor']);
await things('contains range', (q) => q.contains('span', '[2,3]'), ['anchor']);
await things('containedBy array', (q) => q.containedBy('tags', ['heavy', 'wood']), ['chain']);
await things('containedBy json', (q) => q.containedBy('facts', { kg: 8, more: 1 }), ['buoy', 'chain']);
await things('containedBy range', (q) => q.containedBy('span', '[0,15)'), ['anchor']);
await things('rangeGt', (q) => q.rangeGt('span', '[1,5]'), ['buoy']);
await things('rangeGte', (q) => q.rangeGte('span', '[10,12]'), ['buoy']);
await things('rangeLt', (q) => q.rangeLt('span', '[10,12]'), ['anchor']);
await things('rangeLte', (q) => q.rangeLte('span', '[5,9]'), ['anchor']);
await things('rangeAdjacent', (q) => q.rangeAdjacent('span', '[20,30)'), ['buoy']);
await things('overlaps array', (q) => q.overlaps('tags', ['light', 'iron']), ['anchor', 'buoy']);
await things('overlaps range', (q) => q.overlaps('span', '[9,11)'), ['anchor', 'buoy']);
await things('textSearch', (q) => q.textSearch('name', 'anchor | buoy', { config: 'english' }), ['anchor', 'buoy']);
await things('textSearch plain', (q) => q.textSearch('name', 'anchor', { type: 'plain', config: 'simple' }), ['anchor']);
await things('textSearch phrase', (q) => q.textSearch('name', 'buoy', { type: 'phrase' }), ['buoy']);
await things('textSearch websearch', (q) => q.textSearch('name', 'chain or buoy', { type: 'websearch' }), ['buoy', 'chain']);
await things('match', (q) => q.match({ name: 'anchor', mood: 'glad' }), ['anchor']);
await things('not', (q) => q.not('mood', 'is', null), ['anchor', 'buoy']);
await things('not in', (q) => q.not('name', 'in', '(buoy,chain)'), ['anchor']);
await things('or', (q) => q.or('name.eq.buoy,and(id.gt.2,tags.cs.{heavy})'), ['buoy', 'chain']);
await things('filter', (q) => q.filter('facts->>kg', 'eq', '8'), ['buoy']);
await things('filter json path', (q) => q.eq('facts->in->port', 'true'), ['anchor']);
await things('filter regex', (q) => q.filter('name', 'match', '^[ab]'), ['anchor', 'buoy']);
await things('filter regex without case', (q) => q.filter('name', 'imatch', '^B'), ['buoy']);
for (const [method, ...words] of [['isDistinct', 'mood', 'glad'], ['notIn', 'name', ['anchor']], ['regexMatch', 'name', '^[bc]'], ['regexIMatch', 'name', '^[BC]']]) {
  // Younger methods: where this version of the client has them.
  if (typeof anon.from('thing').select()[method] === 'function') {
    await things(method, (q) => q[method](...words), ['buoy', 'chain']);
  }
}
await check('time with zone', () => anon.from('thing').select('at').gte('at', '2024-02-01T00:00:00+02:00').single(), (r) => r.data?.at === '2024-06-30T12:00:00+00:00');
await check('characters that urls reserve', () => anon.from('thing').select('id').eq('name', 'a&b=c+d %"\',.()é'), (r) => same(r.data, []));

// ------------------------------------------------------------------------------------------------ shapes
await check('all columns', () => anon.from('thing').select().eq('id', 1).single(), (r) => same(Object.keys(r.data), ['id', 'name', 'tags', 'facts', 'span', 'mood', 'at', 'note']) && r.data.facts.kg === 120 && same(r.data.tags, ['heavy', 'iron']));
await check('rename, cast, json', () => anon.from('thing').select('label:name, number:id::text, kg:facts->kg, first:facts->names->>0').eq('id', 1).single(), (r) => same(r.data, { label: 'anchor', number: '1', kg: 120, first: 'a' }));
await check('single', () => anon.from('artist').select('*').eq('artist_id', 1).single(), (r) => r.data?.name === 'AC/DC' && r.status === 200 && r.statusText === 'OK');
await check('maybeSingle of one', () => anon.from('artist').select('name').eq('artist_id', 1).maybeSingle(), (r) => r.data?.name === 'AC/DC');
await check('maybeSingle of none', () => anon.from('track').select('name').eq('track_id', 99999).maybeSingle(), (r) => r.data === null && r.error === null);
await check('maybeSingle of many', () => anon.from('track').select('name').limit(2).maybeSingle(), (r) => r.error?.code === 'PGRST116' && r.status === 406);
await refused('single of none', () => anon.from('track').select('name').eq('track_id', 99999).single(), 'PGRST116', 406);
await check('csv', () => anon.from('thing').select('id,name').order('id').csv(), (r) => r.data === 'id,name\n1,anchor\n2,buoy\n3,chain');
await check('limit', () => anon.from('track').select('track_id').order('track_id').limit(2), (r) => same(r.data, [{ track_id: 1 }, { track_id: 2 }]));
await check('range', () => anon.from('track').select('track_id').order('track_id').range(10, 12), (r) => same(r.data.map((row) => row.track_id), [11, 12, 13]));
await check('order twice', () => anon.from('track').select('genre_id,name').order('genre_id', { ascending: false }).order('name').limit(1), (r) => r.data[0].genre_id === 25);
await check('order nulls first', () => anon.from('thing').select('name').order('mood', { nullsFirst: true }).limit(1), (r) => r.data[0].name === 'chain');
await check('order nulls last', () => anon.from('thing').select('name').order('mood', { ascending: false, nullsFirst: false }), (r) => same(r.data.map((row) => row.name), ['buoy', 'anchor', 'chain']));
await check('count exact', () => anon.from('track').select('name', { count: 'exact' }).limit(1), (r) => r.count === 3503 && r.data.length === 1);
await check('count planned', () => anon.from('track').select('name', { count: 'planned' }).limit(1), (r) => typeof r.count === 'number');
await check('count estimated', () => anon.from('thing').select('name', { count: 'estimated' }), (r) => r.count === 3);
await check('head', () => anon.from('track').select('*', { count: 'exact', head: true }), (r) => r.count === 3503 && r.data === null && r.error === null);
await check('head with filters', () => anon.from('track').select('*', { count: 'exact', head: true }).eq('genre_id', 1), (r) => r.count === 1297);
await check('schema', () => anon.schema('yard').from('dock').select(), (r) => same(r.data, [{ id: 1, name: 'North' }]));
await check('schema for writes', () => service.schema('yard').from('dock').insert({ id: 2, name: 'South' }).select().single(), (r) => r.data?.name === 'South');
await check('schema for deletes', () => service.schema('yard').from('dock').delete().eq('id', 2).select(), (r) => r.data?.length === 1);
await check('aggregates', () => anon.from('track').select('genre_id, count(), milliseconds.max()').eq('genre_id', 1), (r) => same(r.data, [{ genre_id: 1, count: 1297, max: 1612329 }]));
await check('explain', () => anon.from('thing').select().explain(), (r) => typeof r.data === 'string' && r.data.length > 0);
await check('explain as json', () => anon.from('thing').select().explain({ format: 'json' }), (r) => Array.isArray(r.data));
await check('setHeader', () => anon.from('thing').select('name').setHeader('Range', '1-1').order('id'), (r) => same(r.data, [{ name: 'buoy' }]));
await check('returns', () => anon.from('thing').select('id').eq('id', 1).returns(), (r) => same(r.data, [{ id: 1 }]));
await check('abortSignal', () => { const stop = new AbortController(); stop.abort(); return anon.from('thing').select().abortSignal(stop.signal); }, (r) => /abort/i.test(r.error?.message ?? '') && r.data === null);
await check('abortSignal that does not fire', () => anon.from('thing').select('id').abortSignal(new AbortController().signal), (r) => r.data.length === 3);

// ------------------------------------------------------------------------------------------------ embeds
await check('to one', () => anon.from('album').select('title, artist(name)').eq('album_id', 1).single(), (r) => r.data.artist.name === 'AC/DC');
await check('to many', () => anon.from('artist').select('name, album(title, track(name))').eq('name', 'Accept').order('title', { referencedTable: 'album' }), (r) => same(r.data[0].album.map((album) => album.title), ['Balls to the Wall', 'Restless and Wild']) && r.data[0].album[1].track.length === 3);
await check('many to many', () => anon.from('playlist').select('name, track(name)').eq('playlist_id', 18), (r) => same(r.data, [{ name: 'On-The-Go 1', track: [{ name: "Now's The Time" }] }]));
await check('inner', () => anon.from('album').select('title, artist!inner(name)').eq('artist.name', 'AC/DC'), (r) => r.data.length === 2);
await check('left', () => anon.from('album').select('title, artist!left(name)').eq('artist.name', 'AC/DC').gt('album_id', 4).limit(1), (r) => r.data[0].artist === null);
await check('hint by column', () => anon.from('track').select('name, kind:genre!genre_id(name)').eq('track_id', 1).single(), (r) => r.data.kind.name === 'Rock');
await check('spread', () => anon.from('track').select('name, album(title, ...artist(artist:name))').limit(1), (r) => !!r.data[0].album.artist);
await check('embedded count', () => anon.from('artist').select('name, album(count)').eq('artist_id', 1).single(), (r) => same(r.data.album, [{ count: 2 }]));
await check('limit in an embed', () => anon.from('artist').select('album(title)').eq('artist_id', 90).limit(1, { referencedTable: 'album' }).single(), (r) => r.data.album.length === 1);
await check('range in an embed', () => anon.from('artist').select('album(album_id)').eq('artist_id', 90).order('album_id', { referencedTable: 'album' }).range(1, 2, { referencedTable: 'album' }).single(), (r) => r.data.album.length === 2);
await check('or in an embed', () => anon.from('artist').select('album(title)').eq('artist_id', 1).or('title.like.For*,title.like.Let*', { referencedTable: 'album' }).single(), (r) => r.data.album.length === 2);
await check('order by an embed', () => anon.from('album').select('title, artist(name)').order('artist(name)', { ascending: false }).limit(1), (r) => r.data[0].artist.name === 'Zeca Pagodinho');
await check('parents without children', () => anon.from('artist').select('name, album()').is('album', null).limit(1), (r) => r.data.length === 1);

// ------------------------------------------------------------------------------------------------ writes
await check('insert without rows back', () => service.from('thing').insert({ name: 'w1' }), (r) => r.status === 201 && r.data === null && r.error === null);
await check('insert one', () => service.from('thing').insert({ name: 'w2', tags: ['a b', 'c"d'], facts: { n: [1, null] }, span: '[1,2]', mood: 'sad', at: '2020-01-01' }).select().single(), (r) => r.status === 201 && same(r.data.tags, ['a b', 'c"d']) && r.data.span === '[1,3)' && r.data.note === 'none');
await check('insert many', () => service.from('thing').insert([{ name: 'w3' }, { name: 'w4', note: 'x' }]).select('name,note').order('name'), (r) => same(r.data, [{ name: 'w3', note: null }, { name: 'w4', note: 'x' }]));
await check('insert many with defaults', () => service.from('thing').insert([{ name: 'w5' }, { name: 'w6', note: 'x' }], { defaultToNull: false }).select('note').order('name'), (r) => same(r.data, [{ note: 'none' }, { note: 'x' }]));
await check('insert with a count', () => service.from('thing').insert([{ name: 'w7' }, { name: 'w8' }], { count: 'exact' }), (r) => r.count === 2);
await check('update', () => service.from('thing').update({ note: 'u' }).eq('name', 'w1').select('note').maybeSingle(), (r) => r.data?.note === 'u');
await check('update with a count', () => service.from('thing').update({ note: 'u' }, { count: 'exact' }).like('name', 'w%'), (r) => r.count === 8 && r.status === 204);
await check('update of none', () => service.from('thing').update({ note: 'u' }).eq('id', -1).select(), (r) => same(r.data, []) && r.status === 200);
await check('upsert by key', () => service.from('artist').upsert({ artist_id: 1, name: 'AC/DC' }).select().single(), (r) => r.data?.name === 'AC/DC');
await check('upsert by a column', () => service.from('thing').upsert([{ name: 'w1', note: 'up' }, { name: 'w9', note: 'new' }], { onConflict: 'name' }).select('name,note').order('name'), (r) => same(r.data, [{ name: 'w1', note: 'up' }, { name: 'w9', note: 'new' }]));
await check('upsert that ignores', () => service.from('thing').upsert([{ name: 'w1', note: 'no' }, { name: 'w10', note: 'yes' }], { onConflict: 'name', ignoreDuplicates: true }).select('name'), (r) => same(r.data, [{ name: 'w10' }]));
await check('upsert with a count', () => service.from('thing').upsert([{ name: 'w1' }], { onConflict: 'name', count: 'exact' }), (r) => r.count === 1);
await check('upsert with defaults', () => service.from('thing').upsert([{ name: 'w11' }], { onConflict: 'name', defaultToNull: false }).select('note').single(), (r) => r.data?.note === 'none');
await check('write with an embed back', () => service.from('album').update({ title: 'For Those About To Rock We Salute You' }).eq('album_id', 1).select('title, artist(name)').single(), (r) => r.data?.artist?.name === 'AC/DC');
if (typeof service.from('thing').update({}).maxAffected === 'function') {
  await check('maxAffected', () => service.from('thing').update({ note: 'no' }).like('name', 'w%').maxAffected(2), (r) => r.error?.code === 'PGRST124' && r.status === 400);
}
await check('rollback', () => service.from('thing').delete().like('name', 'w%').rollback().select('name'), (r) => r.data?.length === 11);
await check('rolled back', () => anon.from('thing').select('*', { count: 'exact', head: true }).like('name', 'w%'), (r) => r.count === 11);
await check('delete with a count', () => service.from('thing').delete({ count: 'exact' }).in('name', ['w1', 'w2']), (r) => r.count === 2 && r.status === 204);
await check('delete with rows back', () => service.from('thing').delete().like('name', 'w%').select('name'), (r) => r.data?.length === 9);

// ------------------------------------------------------------------------------------------------ refusals
const shape = (error) => ['code', 'details', 'hint', 'message'].every((key) => key in error) && typeof error.message === 'string';
await check('the shape of an error', () => anon.from('artist').select('nope'), (r) => r.error?.code === '42703' && r.status === 400 && shape(r.error) && r.data === null && r.count === null);
await refused('no such table', () => anon.from('nope').select(), 'PGRST205', 404);
await refused('no such relationship', () => anon.from('artist').select('name, genre(name)'), 'PGRST200', 400);
await refused('no leave to write', () => anon.from('artist').insert({ name: 'x' }), '42501', 401);
await refused('no such schema', () => anon.schema('nope').from('x').select(), 'PGRST106', 406);
await refused('a bad value', () => anon.from('track').select().eq('track_id', 'x'), '22P02', 400);
await refused('a bad filter', () => anon.from('track').select().filter('name', 'sounds', 'x'), 'PGRST100', 400);
await refused('a bad operator for the type', () => anon.from('track').select().contains('name', 'x'), '42883', 404);
await refused('a column that is not there', () => service.from('thing').insert({ nope: 1 }), 'PGRST204', 400);
await refused('a value that is missing', () => service.from('thing').insert({ note: 'x' }), '23502', 400);
await refused('a key that is taken', () => service.from('thing').insert({ name: 'anchor' }), '23505', 409);
await refused('a reference to nothing', () => service.from('album').insert({ title: 'x', artist_id: -1 }), '23503', 409);
await refused('a range beyond the end', () => anon.from('thing').select('*', { count: 'exact' }).range(90, 99), 'PGRST103', 416);
await check('a key that is not ours', () => createClient(url, anonKey.slice(0, -4) + 'AAAA', options).from('thing').select(), (r) => r.status === 401 && r.error?.code === 'PGRST301');
await check('throwOnError', () => anon.from('nope').select().throwOnError().then(() => null, (error) => error), (error) => error?.name === 'PostgrestError' && error.code === 'PGRST205');
await check('a server that is not there', () => createClient('http://127.0.0.1:9', anonKey, options).from('thing').select(), (r) => r.error && r.data === null);

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
