"""Unmodified postgrest-py against a running Mainstay over examples/chinook: python py_client.py URL ANON_KEY SERVICE_KEY"""
import sys
from postgrest import SyncPostgrestClient, APIError
url, anon, service = sys.argv[1:4]
c = SyncPostgrestClient(url + '/rest/v1', headers={'apikey': anon, 'Authorization': 'Bearer ' + anon})
s = SyncPostgrestClient(url + '/rest/v1', headers={'apikey': service, 'Authorization': 'Bearer ' + service})
p = f = 0
def ok(n, v, x=None):
    global p, f
    if v: p += 1
    else: f += 1; print('FAIL', n, x)
r = c.from_('artist').select('*').eq('artist_id', 1).single().execute(); ok('single', r.data['name'] == 'AC/DC', r)
r = c.from_('artist').select('name,album(title)', count='exact').limit(2).execute(); ok('count', r.count == 275 and len(r.data) == 2, r.count)
r = s.from_('artist').insert({'name': 'Py'}).execute(); ok('insert', r.data[0]['name'] == 'Py', r)
i = r.data[0]['artist_id']
r = s.from_('artist').upsert({'artist_id': i, 'name': 'Py2'}).execute(); ok('upsert', r.data[0]['name'] == 'Py2', r)
r = s.from_('artist').update({'name': 'Py3'}).eq('artist_id', i).execute(); ok('update', r.data[0]['name'] == 'Py3', r)
r = s.from_('artist').delete().eq('artist_id', i).execute(); ok('delete', len(r.data) == 1, r)
r = c.from_('track').select('name').or_('name.like.A*,name.like.B*').order('name', desc=True).range(0, 4).execute(); ok('or', len(r.data) == 5, r)
try:
    c.from_('artist').insert({'name': 'x'}).execute(); ok('anon', False)
except APIError as e: ok('anon', e.code == '42501', e)
print(f'{p} passed, {f} failed')
sys.exit(1 if f else 0)
