"""Reads, compares and writes `.case` files. The format is described in crates/data/tests/cases/README.md."""

import json
import re
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import unquote

METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS", "TRACE", "FOO")
PSEUDO = ("Role", "Token-Claims", "Token-Raw", "Token-Key", "Token-Header", "Token-Scheme")


class Raw(str):
    """A JSON number as it was written: 2.50 stays 2.50."""


def parse_json(text):
    return json.loads(text, parse_float=Raw, parse_int=Raw)


def dump(value):
    if isinstance(value, Raw):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(dump_str(k) + ":" + dump(v) for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dump(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def dump_str(text):
    return json.dumps(text, ensure_ascii=False)


@dataclass
class Step:
    """One request and what is expected of its answer."""

    line: int
    method: str
    target: str
    pseudo: dict = field(default_factory=dict)
    headers: list = field(default_factory=list)
    body: str | None = None
    status: int | None = None
    want_headers: list = field(default_factory=list)  # (name, value); value None = absent, "?" = to be recorded
    want_json: str | None = None
    any_order: bool = False
    partial: bool = False
    want_text: str | None = None
    request_end: int = 0  # index of the line after the request's last line
    end: int = 0  # index of the line after the expectation's last line


@dataclass
class Case:
    """A named list of steps."""

    name: str
    line: int
    notes: list = field(default_factory=list)
    steps: list = field(default_factory=list)

    @property
    def newer(self):
        return next((n for n in self.notes if n.startswith(("newer than the oracle", "unlike the oracle"))), None)


@dataclass
class CaseFile:
    """A file: where it runs and what it asks."""

    path: str
    lines: list
    fixture: str = "zoo"
    settings: dict = field(default_factory=dict)
    state: str = "shared"
    cases: list = field(default_factory=list)


def read(path):
    with open(path, encoding="utf-8") as handle:
        lines = handle.read().split("\n")
    out = CaseFile(path, lines)
    case = step = None
    for index, line in enumerate(lines):
        where = f"{path}:{index + 1}"
        if line.startswith("## "):
            case, step = Case(line[3:].strip(), index + 1), None
            out.cases.append(case)
        elif line.startswith("#"):
            note = line[1:].strip()
            if case is not None:
                case.notes.append(note)
                continue
            key, _, value = note.partition(":")
            value = value.strip()
            if key == "fixture":
                out.fixture = value
            elif key == "settings":
                out.settings.update(pair.split("=", 1) for pair in value.split())
            elif key == "state":
                if value not in ("shared", "fresh", "each"):
                    raise ValueError(f"{where}: unknown state {value}")
                out.state = value
        elif not line.strip():
            continue
        elif case is None:
            raise ValueError(f"{where}: a line before the first case")
        elif line.split(" ", 1)[0] in METHODS:
            method, _, target = line.partition(" ")
            step = Step(index + 1, method, target)
            step.request_end = step.end = index + 1
            case.steps.append(step)
        elif step is None:
            raise ValueError(f"{where}: a line before the first request")
        elif line.startswith(">>"):
            text = line[3:]
            step.body = text if step.body is None else step.body + "\n" + text
            step.request_end = step.end = index + 1
        elif line.startswith("> "):
            name, colon, value = line[2:].partition(":")
            if not colon:
                raise ValueError(f"{where}: a header without a colon")
            if name in PSEUDO:
                step.pseudo[name] = value.strip()
            else:
                step.headers.append((name, value.strip()))
            step.request_end = step.end = index + 1
        elif line.startswith(("<<", "<~", "<+")):
            step.any_order |= line.startswith("<~")
            step.partial |= line.startswith("<+")
            text = line[3:]
            step.want_json = text if step.want_json is None else step.want_json + "\n" + text
            step.end = index + 1
        elif line.startswith("<|"):
            text = line[3:]
            step.want_text = text if step.want_text is None else step.want_text + "\n" + text
            step.end = index + 1
        elif line.startswith("< "):
            rest = line[2:].strip()
            if re.fullmatch(r"\d{3}", rest):
                step.status = int(rest)
            elif rest.startswith("-"):
                step.want_headers.append((rest[1:], None))
            else:
                name, _, value = rest.partition(":")
                step.want_headers.append((name, value.strip()))
            step.end = index + 1
        else:
            raise ValueError(f"{where}: not understood: {line}")
    names = set()
    for case in out.cases:
        if case.name in names:
            raise ValueError(f"{path}: two cases are named '{case.name}'")
        names.add(case.name)
        if not case.steps:
            raise ValueError(f"{path}: case '{case.name}' asks nothing")
    return out


def same(want, got, any_order):
    """Structural equality. Numbers by value; `"..."` in `want` equals anything."""
    if want == "..." and not isinstance(want, Raw):
        return True
    if isinstance(want, Raw) or isinstance(got, Raw):
        return isinstance(want, Raw) and isinstance(got, Raw) and Decimal(want) == Decimal(got)
    if isinstance(want, dict) and isinstance(got, dict):
        return want.keys() == got.keys() and all(same(want[k], got[k], any_order) for k in want)
    if isinstance(want, list) and isinstance(got, list):
        if len(want) != len(got):
            return False
        if any_order and want and all(isinstance(v, dict) for v in want):
            left = list(got)
            for item in want:
                hit = next((i for i, other in enumerate(left) if same(item, other, any_order)), None)
                if hit is None:
                    return False
                del left[hit]
            return True
        return all(same(w, g, any_order) for w, g in zip(want, got))
    return type(want) is type(got) and want == got


def within(want, got):
    """Whether every member that `want` names is in `got` with that value, at any depth of objects."""
    if isinstance(want, dict) and isinstance(got, dict):
        return all(key in got and within(value, got[key]) for key, value in want.items())
    return same(want, got, False)


def differences(step, status, headers, body):
    """What is wrong with an answer, as lines; none when it is as expected. `headers` is a list of pairs."""
    out = []
    have = {}
    for name, value in headers:
        have[name.lower()] = have[name.lower()] + ", " + value if name.lower() in have else value
    if step.status is not None and step.status != status:
        out.append(f"status {status}, expected {step.status}")
    for name, value in step.want_headers:
        got = have.get(name.lower())
        if value is None:
            if got is not None:
                out.append(f"header {name}: {got}, expected none")
        elif got is None:
            out.append(f"header {name} missing, expected {value}")
        elif value not in ("...", "?") and got != value:
            out.append(f"header {name}: {got}, expected {value}")
    if step.want_text is not None and step.want_text != body:
        out.append(f"body {body!r}, expected {step.want_text!r}")
    if step.want_json is not None:
        want = parse_json(step.want_json)
        try:
            got = parse_json(body)
        except ValueError:
            return out + [f"body is not JSON: {body!r}"]
        if status >= 300 and isinstance(want, dict) and isinstance(got, dict):
            got = {k: v for k, v in got.items() if k in want}
        if not (within(want, got) if step.partial else same(want, got, step.any_order)):
            out.append(f"body {dump(got)[:2000]}")
    return out


KEEP_MESSAGE = ("23505", "23503", "23502", "23514", "22P02", "42501", "22001", "22003")
KEEP_DETAILS = ("23505", "23503")


def unordered(value, target):
    """Whether an answer has a list of several rows for which the request names no order."""
    keys = {unquote(pair.split("=", 1)[0]).replace('"', "") for pair in target.partition("?")[2].split("&")}

    def walk(node, path):
        if isinstance(node, list) and node and all(isinstance(v, dict) for v in node):
            if len(node) > 1 and ".".join((*path, "order")) not in keys:
                return True
            return any(walk(item, path) for item in node)
        if isinstance(node, dict):
            return any(walk(item, (*path, key)) for key, item in node.items())
        return False

    return walk(value, ())


def recorded(step, status, headers, body):
    """The expectation lines for an answer."""
    have = {name.lower(): value for name, value in headers}
    out = [f"< {status}"]
    asked = {name.lower() for name, _ in step.want_headers}
    for name in ("Content-Range", "Location", "Preference-Applied", "Allow"):
        if name.lower() in have and name.lower() not in asked:
            out.append(f"< {name}: {have[name.lower()]}")
    for name, value in step.want_headers:
        got = have.get(name.lower())
        if value == "?":
            out.append(f"< -{name}" if got is None else f"< {name}: {got}")
        else:
            out.append(f"< -{name}" if value is None else f"< {name}: {value}")
    kind = have.get("content-type", "")
    if not body:
        if step.method != "HEAD":
            out.append("<|")
        return out
    if "json" not in kind:
        if "content-type" not in asked:
            out.append(f"< Content-Type: {kind}")
        return out + [f"<| {line}" if line else "<|" for line in body.split("\n")]
    value = parse_json(body)
    if status >= 300 and isinstance(value, dict) and "code" in value:
        keep = {"code": value["code"]}
        if value["code"] in KEEP_MESSAGE:
            keep["message"] = value["message"]
        if value["code"] in KEEP_DETAILS:
            keep["details"] = value["details"]
        return out + ["<< " + dump(keep)]
    mark = "<~" if unordered(value, step.target) else "<<"
    text = dump(value)
    if isinstance(value, list) and len(value) > 1 and len(text) > 140:
        rows = [dump(v) for v in value]
        rows[0] = "[" + rows[0]
        return out + [f"{mark} {row}{',' if i + 1 < len(rows) else ']'}" for i, row in enumerate(rows)]
    return out + [f"{mark} {text}"]
