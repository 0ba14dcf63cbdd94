//! The questions put to `pg_catalog`. Each answers with one JSON object a row, read into the structure of the same name in `rows`.
//!
//! All of them run with an empty search path, so that every name in an expression comes back qualified. Columns that only newer
//! servers have are looked up through `to_jsonb(row)`, which is null where they are missing.

/// Which schemas are the user's, as a condition on `n`.
macro_rules! of_users {
    () => {
        "n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and n.nspname !~ '^pg_(temp|toast_temp)_'"
    };
}

/// Who holds what: expands an access list, or the one that stands for "nothing was granted or revoked yet".
macro_rules! grants {
    ($list:literal, $kind:literal, $owner:literal) => {
        concat!(
            "(select coalesce(json_agg(json_build_array(case when a.grantee = 0 then 'public' ",
            "else pg_catalog.pg_get_userbyid(a.grantee) end, lower(a.privilege_type))), '[]') ",
            "from pg_catalog.aclexplode(coalesce(",
            $list,
            ", pg_catalog.acldefault('",
            $kind,
            "', ",
            $owner,
            "))) a)"
        )
    };
}

pub(super) const SCHEMAS: &str = concat!(
    "select row_to_json(t)::text from (select n.nspname as name, pg_catalog.obj_description(n.oid, 'pg_namespace') as comment, ",
    grants!("n.nspacl", "n", "n.nspowner"),
    " as grants from pg_catalog.pg_namespace n where ",
    of_users!(),
    ") t"
);

pub(super) const TYPES: &str = "
select row_to_json(t)::text from (
    select t.oid::int8 as oid, n.nspname as schema, t.typname as name, t.typtype::text as kind, t.typcategory::text as category,
           t.typelem::int8 as element, t.typlen as length, t.typbasetype::int8 as base, t.typtypmod as modifier,
           t.typnotnull as not_null, t.typdefault as default, t.typrelid::int8 as relation,
           pg_catalog.format_type(t.oid, null) as printed,
           case when t.typtype = 'e' then (
               select json_agg(e.enumlabel order by e.enumsortorder) from pg_catalog.pg_enum e where e.enumtypid = t.oid) end as labels,
           case when t.typtype = 'd' then (
               select json_agg(json_build_array(c.conname, pg_catalog.pg_get_expr(c.conbin, 0)) order by c.conname)
               from pg_catalog.pg_constraint c where c.contypid = t.oid and c.contype = 'c') end as checks
    from pg_catalog.pg_type t join pg_catalog.pg_namespace n on n.oid = t.typnamespace
    where n.nspname <> 'pg_toast' and (n.nspname <> 'information_schema')
) t";

pub(super) const RELATIONS: &str = concat!(
    "select row_to_json(t)::text from (
    select c.oid::int8 as oid, n.nspname as schema, c.relname as name, c.relkind::text as kind,
           pg_catalog.obj_description(c.oid, 'pg_class') as comment, pg_catalog.pg_get_userbyid(c.relowner) as owner,
           c.relrowsecurity as row_security, c.relforcerowsecurity as row_security_forced,
           case when c.reltuples >= 0 and c.relkind in ('r', 'm', 'f', 'p') then c.reltuples::int8 end as estimated_rows,
           pg_catalog.pg_relation_is_updatable(c.oid, true) as updatable,
           case when c.relkind in ('v', 'm') then pg_catalog.pg_get_viewdef(c.oid) end as query,
           coalesce((select json_object_agg(o.option_name, o.option_value)
                     from pg_catalog.pg_options_to_table(c.reloptions) o), '{}') as options, ",
    grants!("c.relacl", "r", "c.relowner"),
    " as grants
    from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where c.relkind in ('r', 'v', 'm', 'f', 'p') and not c.relispartition and ",
    of_users!(),
    ") t"
);

/// Columns of relations and of composite types.
pub(super) const COLUMNS: &str = concat!(
    "select row_to_json(t)::text from (
    select a.attrelid::int8 as relation, a.attname as name, a.atttypid::int8 as type, a.atttypmod as modifier,
           a.attnotnull as not_null, nullif(a.attidentity::text, '') as identity, a.attgenerated <> '' as generated,
           case when a.atthasdef then pg_catalog.pg_get_expr(d.adbin, d.adrelid) end as default,
           pg_catalog.col_description(a.attrelid, a.attnum) as comment,
           (select json_build_array(sn.nspname, s.relname)
            from pg_catalog.pg_depend dep
            join pg_catalog.pg_class s on s.oid = dep.objid and s.relkind = 'S'
            join pg_catalog.pg_namespace sn on sn.oid = s.relnamespace
            where dep.classid = 'pg_catalog.pg_class'::regclass and dep.refclassid = 'pg_catalog.pg_class'::regclass
              and dep.refobjid = a.attrelid and dep.refobjsubid = a.attnum and dep.deptype in ('a', 'i')
            limit 1) as sequence,
           case when a.attacl is not null then (
               select json_agg(json_build_array(case when x.grantee = 0 then 'public'
                          else pg_catalog.pg_get_userbyid(x.grantee) end, lower(x.privilege_type)))
               from pg_catalog.aclexplode(a.attacl) x) end as grants
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_class c on c.oid = a.attrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'v', 'm', 'f', 'p', 'c') and not c.relispartition and ",
    of_users!(),
    " order by a.attrelid, a.attnum) t"
);

pub(super) const CONSTRAINTS: &str = concat!(
    "select row_to_json(t)::text from (
    select k.conrelid::int8 as relation, k.conname as name, k.contype::text as kind, k.condeferrable as deferrable,
           k.condeferred as deferred, k.confdeltype::text as on_delete, k.confupdtype::text as on_update,
           (select coalesce(json_agg(a.attname order by u.place), '[]') from unnest(k.conkey) with ordinality u(number, place)
            join pg_catalog.pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.number) as columns,
           (select json_build_array(fn.nspname, f.relname) from pg_catalog.pg_class f
            join pg_catalog.pg_namespace fn on fn.oid = f.relnamespace where f.oid = k.confrelid) as target,
           (select coalesce(json_agg(a.attname order by u.place), '[]') from unnest(k.confkey) with ordinality u(number, place)
            join pg_catalog.pg_attribute a on a.attrelid = k.confrelid and a.attnum = u.number) as target_columns,
           pg_catalog.pg_get_expr(k.conbin, k.conrelid) as expression,
           coalesce((select (to_jsonb(i) ->> 'indnullsnotdistinct')::bool from pg_catalog.pg_index i
                     where i.indexrelid = k.conindid), false) as nulls_not_distinct
    from pg_catalog.pg_constraint k
    join pg_catalog.pg_class c on c.oid = k.conrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where k.contype in ('p', 'u', 'f', 'c') and k.conparentid = 0 and not c.relispartition and ",
    of_users!(),
    " order by k.conrelid, k.conname) t"
);

pub(super) const INDEXES: &str = concat!(
    "select row_to_json(t)::text from (
    select i.indrelid::int8 as relation, x.relname as name, i.indisunique as unique, m.amname as method,
           pg_catalog.pg_get_expr(i.indpred, i.indrelid) as predicate,
           coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false) as nulls_not_distinct,
           (select json_agg(json_build_object('column', a.attname, 'key', g.place < i.indnkeyatts,
                       'expr', case when i.indkey[g.place] = 0 then pg_catalog.pg_get_indexdef(i.indexrelid, g.place + 1, true) end,
                       'option', case when g.place < i.indnkeyatts then i.indoption[g.place] else 0 end) order by g.place)
            from generate_series(0, i.indnatts - 1) g(place)
            left join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[g.place] and a.attnum <> 0) as keys
    from pg_catalog.pg_index i
    join pg_catalog.pg_class x on x.oid = i.indexrelid
    join pg_catalog.pg_am m on m.oid = x.relam
    join pg_catalog.pg_class c on c.oid = i.indrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where not c.relispartition and c.relkind in ('r', 'm', 'p')
      and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')) and ",
    of_users!(),
    " order by i.indrelid, x.relname) t"
);

pub(super) const POLICIES: &str = "
select row_to_json(t)::text from (
    select p.polrelid::int8 as relation, p.polname as name, p.polpermissive as permissive, p.polcmd::text as command,
           (select json_agg(case when r = 0 then 'public' else pg_catalog.pg_get_userbyid(r) end) from unnest(p.polroles) r) as roles,
           pg_catalog.pg_get_expr(p.polqual, p.polrelid) as using, pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) as check
    from pg_catalog.pg_policy p
    order by p.polrelid, p.polname) t";

/// Functions that can be called by name: no aggregates, no procedures, no triggers.
pub(super) const FUNCTIONS: &str = concat!(
    "select row_to_json(t)::text from (
    select n.nspname as schema, p.proname as name, l.lanname as language, p.provolatile::text as volatility, p.proisstrict as strict,
           p.prosecdef as security_definer, p.proretset as set, p.prorettype::int8 as returns, p.prorows as rows,
           coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc) as body,
           pg_catalog.obj_description(p.oid, 'pg_proc') as comment,
           coalesce((select json_agg(json_build_object(
                       'name', nullif(p.proargnames[u.place], ''), 'type', u.type::int8, 'mode', coalesce(p.proargmodes[u.place]::text, 'i'),
                       'default', case when p.pronargdefaults > 0 then pg_catalog.pg_get_function_arg_default(p.oid, u.place::int4) end)
                       order by u.place)
                     from unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) with ordinality u(type, place)), '[]') as arguments, ",
    grants!("p.proacl", "f", "p.proowner"),
    " as grants
    from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    join pg_catalog.pg_language l on l.oid = p.prolang
    where p.prokind = 'f' and p.prorettype not in ('pg_catalog.trigger'::regtype, 'pg_catalog.event_trigger'::regtype) and ",
    of_users!(),
    " order by n.nspname, p.proname, p.oid) t"
);

/// Whether a trigger's function mentions a setting that says what the answer is.
pub(super) const TRIGGERS_SPEAK: &str = concat!(
    "select to_json(exists (
    select from pg_catalog.pg_proc p
    join pg_catalog.pg_namespace n on n.oid = p.pronamespace
    where p.prorettype = 'pg_catalog.trigger'::regtype
      and (p.prosrc ~* 'response[.]' or p.prosrc ~* 'set_config\\s*[(]\\s*(?!''[^'']*''\\s*,)') and ",
    of_users!(),
    "))::text"
);

pub(super) const SEQUENCES: &str = concat!(
    "select row_to_json(t)::text from (
    select n.nspname as schema, c.relname as name, s.seqstart as start, s.seqincrement as increment, s.seqmin as min, s.seqmax as max,
           s.seqcycle as cycle,
           (select json_build_array(tn.nspname, tc.relname, a.attname)
            from pg_catalog.pg_depend dep
            join pg_catalog.pg_class tc on tc.oid = dep.refobjid
            join pg_catalog.pg_namespace tn on tn.oid = tc.relnamespace
            join pg_catalog.pg_attribute a on a.attrelid = dep.refobjid and a.attnum = dep.refobjsubid
            where dep.classid = 'pg_catalog.pg_class'::regclass and dep.refclassid = 'pg_catalog.pg_class'::regclass
              and dep.objid = c.oid and dep.deptype in ('a', 'i') limit 1) as owned_by, ",
    grants!("c.relacl", "s", "c.relowner"),
    " as grants
    from pg_catalog.pg_sequence s
    join pg_catalog.pg_class c on c.oid = s.seqrelid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where ",
    of_users!(),
    ") t"
);

/// Memberships count only where privileges pass to the member without `set role`.
pub(super) const ROLES: &str = "
select row_to_json(t)::text from (
    select r.rolname as name, r.rolbypassrls as bypass_rls, r.rolsuper as superuser,
           (select coalesce(json_agg(g.rolname), '[]') from pg_catalog.pg_auth_members m
            join pg_catalog.pg_roles g on g.oid = m.roleid
            where m.member = r.oid and coalesce((to_jsonb(m) ->> 'inherit_option')::bool, r.rolinherit)) as member_of
    from pg_catalog.pg_roles r) t";

pub(super) const DEFAULT_GRANTS: &str = "
select row_to_json(t)::text from (
    select n.nspname as schema, d.defaclobjtype::text as objects,
           case when a.grantee = 0 then 'public' else pg_catalog.pg_get_userbyid(a.grantee) end as grantee,
           json_agg(lower(a.privilege_type)) as privileges
    from pg_catalog.pg_default_acl d
    left join pg_catalog.pg_namespace n on n.oid = d.defaclnamespace
    cross join lateral pg_catalog.aclexplode(d.defaclacl) a
    where d.defaclrole = (select oid from pg_catalog.pg_roles where rolname = current_user)
    group by d.oid, n.nspname, d.defaclobjtype, a.grantee
    order by d.oid, a.grantee) t";
