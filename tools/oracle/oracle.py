#!/usr/bin/env python3
"""Replays `.case` files against a real PostgREST on a private PostgreSQL and says where they differ. See README.md."""

import argparse
import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import casefile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
CASES = ROOT / "crates/data/tests/cases"
FIXTURES = ROOT / "crates/data/tests/fixtures"
SECRET = "a-secret-that-only-the-cases-know-of-0123456789"
OTHER_SECRET = "another-secret-nobody-should-trust-0123456789"

# Setting in a case file -> PostgREST's environment variable.
SETTINGS = {
    "max_rows": "PGRST_DB_MAX_ROWS",
    "aggregates": "PGRST_DB_AGGREGATES_ENABLED",
    "plan": "PGRST_DB_PLAN_ENABLED",
    "tx_end": "PGRST_DB_TX_END",
    "schemas": "PGRST_DB_SCHEMAS",
    "anon_role": "PGRST_DB_ANON_ROLE",
    "jwt_aud": "PGRST_JWT_AUD",
    "jwt_role_claim_key": "PGRST_JWT_ROLE_CLAIM_KEY",
    "openapi_mode": "PGRST_OPENAPI_MODE",
    "pre_request": "PGRST_DB_PRE_REQUEST",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Cluster:
    """A throw-away PostgreSQL: no fsync, bytewise collation, Unicode letters, UTC."""

    def __init__(self, bin_dir):
        self.bin = pathlib.Path(bin_dir)
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="oracle-pg-"))
        self.port = free_port()
        self.templates = set()
        self.serial = 0
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            os.chown(self.dir, pwd.getpwnam(self.user).pw_uid, -1)
        data = str(self.dir / "data")
        self.run("initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--lc-collate=C", "--lc-ctype=C.UTF-8", "--no-sync")
        options = (
            f"-p {self.port} -k {self.dir} -c listen_addresses=127.0.0.1 -c fsync=off -c full_page_writes=off "
            "-c synchronous_commit=off -c timezone=UTC -c log_min_messages=panic -c shared_buffers=64MB"
        )
        self.run("pg_ctl", "-D", data, "-w", "-o", options, "-l", str(self.dir / "log"), "start")
        self.sql(
            "postgres",
            "create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;"
            "create role authenticator login noinherit; grant anon, authenticated, service_role to authenticator;",
        )

    def run(self, tool, *args):
        done = subprocess.run(
            [self.bin / tool, *args],
            user=self.user,
            cwd=self.dir,
            stdout=subprocess.PIPE if tool != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if tool != "pg_ctl" else subprocess.DEVNULL,
        )
        if done.returncode != 0:
            raise SystemExit(f"{tool} failed: {(done.stdout or b'').decode()}")

    def sql(self, database, text):
        done = subprocess.run(
            [self.bin / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", self.dir, "-p", str(self.port), "-U", "postgres", "-d", database],
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        if done.returncode != 0:
            raise SystemExit(f"SQL failed in {database}: {done.stderr.decode()}")

    def database(self, fixture):
        """A new database holding the fixture as its migrations leave it."""
        template = f"tpl_{fixture}"
        if template not in self.templates:
            self.sql("postgres", f"create database {template}")
            self.sql(template, (HERE / "prelude.sql").read_text())
            for path in migrations(fixture):
                self.sql(template, path.read_text())
            self.templates.add(template)
        self.serial += 1
        name = f"case_{self.serial}"
        self.sql("postgres", f"create database {name} template {template}")
        return name

    def drop(self, name):
        self.sql("postgres", f"drop database {name} with (force)")

    def stop(self):
        self.run("pg_ctl", "-D", str(self.dir / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self.dir, ignore_errors=True)


def migrations(fixture):
    for folder in (FIXTURES / fixture / "migrations", ROOT / "examples" / fixture / "migrations"):
        if folder.is_dir():
            return sorted(folder.glob("*.sql"))
    raise SystemExit(f"no fixture called {fixture}")


class Server:
    """One PostgREST process on one database."""

    def __init__(self, binary, cluster, database, settings):
        self.port = free_port()
        env = {
            "PGRST_DB_URI": f"postgres://authenticator@127.0.0.1:{cluster.port}/{database}",
            "PGRST_DB_SCHEMAS": "public",
            "PGRST_DB_ANON_ROLE": "anon",
            "PGRST_DB_EXTRA_SEARCH_PATH": "public",
            "PGRST_JWT_SECRET": SECRET,
            "PGRST_SERVER_HOST": "127.0.0.1",
            "PGRST_SERVER_PORT": str(self.port),
            "PGRST_DB_POOL": "2",
            "PGRST_DB_CHANNEL_ENABLED": "false",
            "PGRST_LOG_LEVEL": "crit",
            "PATH": os.environ.get("PATH", ""),
            "LC_ALL": "C.UTF-8",
        }
        for key, value in settings.items():
            if key == "app_settings":
                name, _, text = value.partition("=")
                env[f"PGRST_APP_SETTINGS_{name}"] = text
                continue
            if key not in SETTINGS:
                raise SystemExit(f"unknown setting {key}")
            if value == "none":
                env.pop(SETTINGS[key], None)
            else:
                env[SETTINGS[key]] = value
        self.process = subprocess.Popen([binary], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.link = None
        bearer = token({"Token-Claims": json.dumps({"role": "anon", "aud": settings.get("jwt_aud", "any")})})
        deadline = time.monotonic() + 30
        while True:
            try:
                # With a good token, for a request that is refused for want of one says nothing about the schema.
                if self.ask("GET", "/nothing-here", [("Authorization", bearer)], None)[0] != 503:
                    return
            except OSError:
                self.link = None
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise SystemExit("PostgREST did not start")
            time.sleep(0.02)

    def ask(self, method, target, headers, body):
        for attempt in (1, 2):
            if self.link is None:
                self.link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            try:
                self.link.putrequest(method, target, skip_host=False, skip_accept_encoding=True)
                for name, value in headers:
                    self.link.putheader(name, value.encode("utf-8"))
                if body is not None:
                    self.link.putheader("Content-Length", str(len(body)))
                elif method in ("POST", "PATCH", "PUT"):
                    self.link.putheader("Content-Length", "0")
                self.link.endheaders(body)
                answer = self.link.getresponse()
                return answer.status, answer.getheaders(), answer.read().decode("utf-8", "replace")
            except (http.client.HTTPException, ConnectionResetError, BrokenPipeError):
                self.link.close()
                self.link = None
                if attempt == 2:
                    raise

    def stop(self):
        if self.link:
            self.link.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def encode_target(target):
    """Bytes that may not stand in a request line are percent-encoded; everything else is sent as written."""
    return "".join(chr(b) if 0x21 <= b <= 0x7E and chr(b) not in '"<>\\^`{|}' else f"%{b:02X}" for b in target.encode("utf-8"))


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(pseudo):
    """The Authorization header that the pseudo headers of a step ask for, or None."""
    if "Token-Raw" in pseudo:
        return pseudo["Token-Raw"]
    if "Token-Claims" in pseudo:
        claims = json.loads(pseudo["Token-Claims"])
    else:
        role, _, extra = pseudo.get("Role", "none").partition(" ")
        if role == "none":
            return None
        claims = {"role": role, "exp": "now+3600", **(json.loads(extra) if extra.strip() else {})}
    for key in ("exp", "nbf", "iat"):
        value = claims.get(key)
        if isinstance(value, str) and value.startswith("now"):
            claims[key] = int(time.time()) + int(value[3:] or 0)
    header = {"alg": "HS256", "typ": "JWT", **json.loads(pseudo.get("Token-Header", "{}"))}
    secret = OTHER_SECRET if pseudo.get("Token-Key") == "other" else SECRET
    signed = b64(json.dumps(header).encode()) + "." + b64(json.dumps(claims).encode())
    digest = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(header["alg"], hashlib.sha256)
    mac = "" if header["alg"] == "none" else b64(hmac.new(secret.encode(), signed.encode(), digest).digest())
    return f"{pseudo.get('Token-Scheme', 'Bearer')} {signed}.{mac}"


def run_step(server, step):
    headers = list(step.headers)
    bearer = token(step.pseudo)
    if bearer is not None:
        headers.insert(0, ("Authorization", bearer))
    body = None if step.body is None else step.body.encode("utf-8")
    if body is not None and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    return server.ask(step.method, encode_target(step.target), headers, body)


class Places:
    """Hands out servers: one for all shared files of a fixture and setting, new ones for files that write."""

    def __init__(self, binary, cluster):
        self.binary, self.cluster = binary, cluster
        self.key = self.server = self.name = None

    def close(self):
        if self.server:
            self.server.stop()
            self.cluster.drop(self.name)
        self.key = self.server = None

    def get(self, key, fixture, settings):
        if key is None or self.key != key:
            self.close()
            self.name = self.cluster.database(fixture)
            self.server = Server(self.binary, self.cluster, self.name, settings)
            self.key = key
        return self.server


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", help="case files; all of them when none is named")
    parser.add_argument("--postgrest", default=os.environ.get("POSTGREST_BIN"), help="the PostgREST binary (or POSTGREST_BIN)")
    parser.add_argument("--pg-bin", default=os.environ.get("PG_BIN", "/usr/lib/postgresql/15/bin"), help="folder of initdb and pg_ctl")
    parser.add_argument("--record", action="store_true", help="write the oracle's answer under requests that have no expectation")
    parser.add_argument("--case", default="", help="only cases whose name contains this")
    parser.add_argument("--report", help="write the counts and every deliberate difference, with its reason, as Markdown to this file")
    parser.add_argument("--newer", action="store_true", help="also print what the oracle answers to cases marked as newer")
    args = parser.parse_args()
    if not args.postgrest:
        parser.error("say where PostgREST is: --postgrest or POSTGREST_BIN")
    paths = args.files or sorted(map(str, CASES.glob("*.case")))
    files = [casefile.read(path) for path in paths]
    files.sort(key=lambda f: (f.state, f.fixture, sorted(f.settings.items()), f.path))
    totals = {"cases": 0, "requests": 0, "verified": 0, "newer": 0, "wrong": 0, "recorded": 0}
    cluster = Cluster(args.pg_bin)
    places = Places(args.postgrest, cluster)
    try:
        for file in files:
            run_file(file, places, args, totals)
    finally:
        places.close()
        cluster.stop()
    print(
        f"{len(files)} files, {totals['cases']} cases, {totals['requests']} requests: {totals['verified']} cases as the oracle answers, "
        f"{totals['newer']} newer than or unlike the oracle, {totals['wrong']} differ, {totals['recorded']} answers recorded"
    )
    if args.report:
        pathlib.Path(args.report).write_text(report(files, totals), encoding="utf-8")
    return 1 if totals["wrong"] else 0


def report(files, totals):
    """What a run over all cases found, for people: the counts, and each case that is not as the oracle has it."""
    marked = [(case.newer, pathlib.Path(file.path).stem, case.name) for file in files for case in file.cases if case.newer]
    newer = sum(why.startswith("newer") for why, _, _ in marked)
    lines = [
        "# Beside PostgREST",
        "",
        "Every request in the tests (`crates/data/tests/cases`) is answered alike on SQLite and on PostgreSQL, and `cargo x oracle` sends the same",
        "requests to a real PostgREST 12. This page is what it wrote at its last run over all of them (`cargo x oracle --report",
        "docs/postgrest.md`); a law keeps the list of differences that of the cases.",
        "",
        "| | cases |",
        "|---|---:|",
        f"| all, with {totals['requests']:,} requests | {totals['cases']:,} |",
        f"| answered as PostgREST 12 answers | {totals['verified']:,} |",
        f"| newer: the wire contract follows a later PostgREST | {newer:,} |",
        f"| unlike: otherwise on purpose | {len(marked) - newer:,} |",
        f"| differ without a reason | {totals['wrong']:,} |",
        "",
    ]
    for word, title in (("unlike", "Otherwise on purpose"), ("newer", "Newer than PostgREST 12")):
        lines += [f"## {title}", "", "| case | why |", "|---|---|"]
        rows = sorted((stem, name, why.split(":", 1)[1].strip()) for why, stem, name in marked if why.startswith(word))
        lines += [f"| `{stem}`: {name} | {why} |" for stem, name, why in rows] + [""]
    return "\n".join(lines + BESIDE) + "\n"


# What no case shows, because no client branches on it.
BESIDE = """## Small things without a case

- No `Server` header is sent. `OPTIONS` carries `Content-Length: 0`. A 416 carries no `Content-Location`.
- On SQLite a 42703 has no hint with a similar name, and of an operator that does not exist the message names the literal's type where PostgreSQL
  says `unknown`.
- `limit=0x3` is no number here. A hint that names a self reference's constraint (`animal!animal_mother_id_fkey`) is its one-to-many side,
  as its column is; PostgREST finds nothing.
- A token's role need not be one that the connection may take on SQLite: there is no connection. Its signature is what counts.
- The bare word `count` in a filter or in the order of rows that are not grouped is 42703 on SQLite and 42803 on PostgreSQL.
- Row policies on SQLite that look at other rows with a volatile function: a bulk write under such a `using` touches the rows that qualify
  both at its start and when their turn comes, where PostgreSQL asks once, when it reads them. A merge's policy that mixes such a function
  with a subquery of its own sees the statement's earlier rows. `set x = default` with a random default is judged by another draw than the
  one that is stored. Policies whose functions are `stable`, as PostgreSQL recommends, know none of this.
- Which of several bad rows of one statement is named first is the order in which the engine reads them.
""".splitlines()


def run_file(file, places, args, totals):
    inserts = []
    base = (file.state, file.fixture, tuple(sorted(file.settings.items())))
    dirty = False
    for case in file.cases:
        if args.case not in case.name:
            continue
        key = base if file.state == "shared" else base + (file.path,)
        if file.state == "each" and dirty:
            places.close()
        server = places.get(key, file.fixture, file.settings)
        dirty = any(step.method not in ("GET", "HEAD", "OPTIONS") for step in case.steps)
        if dirty and file.state == "shared":
            print(f"{file.path}:{case.line}: note: '{case.name}' may write to a shared database")
        totals["cases"] += 1
        wrong = []
        for step in case.steps:
            totals["requests"] += 1
            status, headers, body = run_step(server, step)
            if step.status is None and args.record and not case.newer:
                totals["recorded"] += 1
                inserts.append((step, casefile.recorded(step, status, headers, body)))
            elif step.status is None:
                wrong.append((step, [f"no expectation; the oracle says {status} {body[:300]}"]))
            else:
                found = casefile.differences(step, status, headers, body)
                if found:
                    wrong.append((step, found))
        if case.newer:
            totals["newer"] += 1
            missing = [step for step in case.steps if step.status is None]
            if missing:
                totals["wrong"] += 1
                print(f"{file.path}:{missing[0].line}: '{case.name}' is marked as newer and has no expectation")
            elif not wrong:
                print(f"{file.path}:{case.line}: note: the oracle agrees, though '{case.name}' is marked as newer")
            if args.newer:
                for step, found in wrong:
                    print(f"{file.path}:{step.line}: newer: {case.name}\n    " + "\n    ".join(found))
        elif wrong:
            totals["wrong"] += 1
            for step, found in wrong:
                print(f"{file.path}:{step.line}: {case.name}\n    " + "\n    ".join(found))
        else:
            totals["verified"] += 1
    if file.state != "shared":
        places.close()
    if inserts:
        lines = file.lines
        for step, text in sorted(inserts, key=lambda pair: -pair[0].line):
            # Header expectations that were only placeholders are part of `text`.
            lines[step.request_end : step.end] = text
        pathlib.Path(file.path).write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
