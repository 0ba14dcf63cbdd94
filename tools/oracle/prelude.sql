-- What Mainstay provides in every database before an app's first migration, for the database that PostgREST reads.
-- Roles belong to the cluster and are made once by oracle.py.

create schema auth;
grant usage on schema auth to anon, authenticated, service_role;

create function auth.jwt() returns jsonb language sql stable as
    $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
create function auth.uid() returns uuid language sql stable as
    $$ select nullif(auth.jwt() ->> 'sub', '')::uuid $$;
create function auth.role() returns text language sql stable as
    $$ select auth.jwt() ->> 'role' $$;
create function auth.email() returns text language sql stable as
    $$ select auth.jwt() ->> 'email' $$;

-- The service may do everything unless revoked.
alter default privileges grant all on tables to service_role;
alter default privileges grant all on sequences to service_role;
alter default privileges grant all on functions to service_role;
alter default privileges grant usage on schemas to service_role;
