"""Verifies an exported audit log with none of Mainstay's code: the tree by pymerkle, signatures by cryptography.

    python3 verify.py FOLDER KEY              ends with 0 when the log is whole
    python3 verify.py FOLDER KEY --tamper     lays hands on copies of it, each in another way, and wants every one refused
"""

import base64
import hashlib
import json
import pathlib
import shutil
import sys
import tempfile

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pymerkle import InmemoryTree


class Bad(Exception):
    """The log is not what was signed."""


def want(holds, text):
    if not holds:
        raise Bad(text)


def read_checkpoint(data, key):
    """Size and root of a signed checkpoint."""
    name, _, material = key.split("+", 2)
    kind_and_key = base64.b64decode(material, validate=True)
    key_id = hashlib.sha256(name.encode() + b"\n" + kind_and_key).digest()[:4]
    text, _, below = data.decode().rpartition("\n\n")
    text += "\n"
    lines = text.split("\n")
    want(len(lines) == 4 and lines[3] == "", "the checkpoint has not three lines")
    want(lines[0] == name, "the checkpoint is of another log")
    want(lines[1].isascii() and lines[1].isdigit() and str(int(lines[1])) == lines[1], "the size is no number")
    for line in below.splitlines():
        want(line.startswith("\u2014 "), "a signature line has another form")
        signer, signature = line[2:].split(" ")
        signature = base64.b64decode(signature, validate=True)
        if signer == name and signature[:4] == key_id:
            try:
                Ed25519PublicKey.from_public_bytes(kind_and_key[1:]).verify(signature[4:], text.encode())
            except InvalidSignature as error:
                raise Bad("the signature is forged") from error
            return int(lines[1]), base64.b64decode(lines[2], validate=True)
    raise Bad("the checkpoint is not signed by the log")


def tile_path(level, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    return f"tile/{level}/{'/'.join(groups)}" + ("" if width == 256 else f".p/{width}")


def tiles(size):
    """Index and width of each tile over so many hashes."""
    return [(index, min(256, size - 256 * index)) for index in range((size + 255) // 256)]


def read(folder, path):
    want((folder / path).is_file(), f"{path} is missing")
    return (folder / path).read_bytes()


def verify(folder, key):
    """How many entries there are; raises when something is wrong."""
    size, root = read_checkpoint(read(folder, "checkpoint"), key)
    tree = InmemoryTree(algorithm="sha256")
    for index, width in tiles(size):
        path = tile_path("entries", index, width)
        data, at = read(folder, path), 0
        for _ in range(width):
            want(at + 2 <= len(data), f"{path} ends within an entry")
            end = at + 2 + int.from_bytes(data[at : at + 2], "big")
            want(end <= len(data), f"{path} ends within an entry")
            entry = data[at + 2 : end]
            record = json.loads(entry)
            canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            want(canonical.encode() == entry, f"an entry in {path} is not canonical")
            tree.append_entry(entry)
            at = end
        want(at == len(data), f"{path} has more than its entries")
    want(tree.get_root(size) == root, "the entries do not have the signed root")
    level, count = 0, size
    while count:
        for index, width in tiles(count):
            path, data = tile_path(level, index, width), read(folder, tile_path(level, index, width))
            span = 256**level
            first = 256 * index
            want(len(data) == 32 * width, f"{path} has not {width} hashes")
            for place in range(width):
                begin = (first + place) * span
                sub = InmemoryTree(algorithm="sha256")
                if level == 0:
                    expected = tree.get_leaf(begin + 1)
                else:
                    below = b"".join(read(folder, tile_path(level - 1, first + place, 256))[i : i + 32] for i in range(0, 8192, 32))
                    expected = fold([below[i : i + 32] for i in range(0, 8192, 32)], sub)
                want(data[32 * place : 32 * place + 32] == expected, f"{path} differs at {place}")
        level, count = level + 1, count // 256
    older = sorted((int(path.name), path) for path in (folder / "checkpoints").glob("*"))
    for named, path in older:
        then, then_root = read_checkpoint(path.read_bytes(), key)
        want(named == then, f"{path.name} is of another size")
        want(then <= size, "the log was rolled back")
        want(tree.get_root(then) == then_root, f"the first {then} entries are others than were signed")
    return size


def fold(row, tree):
    """The root over a full row of hashes."""
    while len(row) > 1:
        row = [tree.hash_pair(row[i], row[i + 1]) for i in range(0, len(row), 2)]
    return row[0]


def edit(path, change):
    path.write_bytes(change(path.read_bytes()))


def flip(at):
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def resigned(folder, size, root, name):
    """A checkpoint signed by somebody else in the log's name."""
    text = f"{name}\n{size}\n{base64.b64encode(root).decode()}\n"
    pair = Ed25519PrivateKey.generate()
    kind_and_key = b"\x01" + pair.public_key().public_bytes_raw()
    key_id = hashlib.sha256(name.encode() + b"\n" + kind_and_key).digest()[:4]
    line = base64.b64encode(key_id + pair.sign(text.encode())).decode()
    (folder / "checkpoint").write_text(f"{text}\n\u2014 {name} {line}\n")


def tamperings(folder, key):
    """What can be done to a log of some hundred entries, by name."""
    size, root = read_checkpoint(read(folder, "checkpoint"), key)
    name = key.split("+", 1)[0]
    last_width = size % 256 or 256
    entries, last = "tile/entries/000", tile_path("entries", (size - 1) // 256, last_width)
    hashes, last_hashes = "tile/0/000", tile_path(0, (size - 1) // 256, last_width)
    data = read(folder, entries)
    cut = 2 + int.from_bytes(data[:2], "big")
    following = cut + 2 + int.from_bytes(data[cut : cut + 2], "big")
    sizes = sorted(int(path.name) for path in (folder / "checkpoints").glob("*"))
    small = str(next(number for number in sizes if 0 < number < size))
    yield "a bit of the first entry", lambda f: edit(f / entries, flip(10))
    yield "a bit of the last entry", lambda f: edit(f / last, flip(-3))
    yield "an entry taken out", lambda f: edit(f / entries, lambda d: d[cut:])
    yield "an entry put in", lambda f: edit(f / entries, lambda d: d[:cut] + d)
    yield "two entries swapped", lambda f: edit(f / entries, lambda d: d[cut:following] + d[:cut] + d[following:])
    yield "an entry over another", lambda f: edit(f / entries, lambda d: d[:cut] + d[:cut] + d[following:])
    yield "a length", lambda f: edit(f / entries, flip(1))
    yield "an entry cut off at the end", lambda f: edit(f / last, lambda d: d[:-1])
    yield "an entry added at the end", lambda f: edit(f / last, lambda d: d + d[-40:])
    yield "a space in an entry", lambda f: edit(f / entries, lambda d: d.replace(b'":', b'": ', 1))
    yield "a bit of the first hash", lambda f: edit(f / hashes, flip(0))
    yield "a bit of the last hash", lambda f: edit(f / last_hashes, flip(-1))
    yield "a hash taken out", lambda f: edit(f / hashes, lambda d: d[32:])
    yield "a hash put in", lambda f: edit(f / hashes, lambda d: d + d[:32])
    yield "two hashes swapped", lambda f: edit(f / hashes, lambda d: d[32:64] + d[:32] + d[64:])
    yield "a hash higher up", lambda f: edit(f / tile_path(1, 0, size // 256), flip(5))
    yield "a tile of entries removed", lambda f: (f / entries).unlink()
    yield "a tile of hashes removed", lambda f: (f / hashes).unlink()
    yield "a higher tile removed", lambda f: (f / tile_path(1, 0, size // 256)).unlink()
    yield "no checkpoint", lambda f: (f / "checkpoint").unlink()
    yield "the size in the checkpoint", lambda f: edit(f / "checkpoint", lambda d: d.replace(b"\n%d\n" % size, b"\n%d\n" % (size - 1)))
    yield "the root in the checkpoint", lambda f: edit(f / "checkpoint", lambda d: d.replace(base64.b64encode(root), base64.b64encode(bytes(32))))
    yield "the origin in the checkpoint", lambda f: edit(f / "checkpoint", lambda d: d.replace(name.encode(), b"other", 1))
    yield "the signature in the checkpoint", lambda f: edit(f / "checkpoint", lambda d: d[:-8] + (b"A" if d[-8:-7] != b"A" else b"B") + d[-7:])
    yield "a checkpoint signed by another key", lambda f: resigned(f, size, root, name)
    yield "line ends of another system", lambda f: edit(f / "checkpoint", lambda d: d.replace(b"\n", b"\r\n"))
    yield "an older checkpoint in place of the present one", lambda f: shutil.copy(f / "checkpoints" / small, f / "checkpoint")
    yield "an older checkpoint in place of another", lambda f: shutil.copy(f / "checkpoint", f / "checkpoints" / small)
    yield "an older checkpoint's root", lambda f: edit(f / "checkpoints" / small, flip(len(name) + len(small) + 4))


def refused(folder, key):
    try:
        verify(folder, key)
    except (Bad, ValueError, UnicodeDecodeError):
        return True
    return False


def main():
    folder, key = pathlib.Path(sys.argv[1]), sys.argv[2].strip()
    try:
        size = verify(folder, key)
    except (Bad, ValueError) as error:
        sys.exit(f"refused: {error}")
    print(f"all {size} entries are as they were signed")
    if "--tamper" not in sys.argv:
        return
    kinds, missed = 0, []
    for name, tamper in tamperings(folder, key):
        with tempfile.TemporaryDirectory() as copy:
            copied = pathlib.Path(copy) / "log"
            shutil.copytree(folder, copied)
            tamper(copied)
            kinds += 1
            if not refused(copied, key):
                missed.append(name)
    print(f"{kinds - len(missed)} of {kinds} kinds of tampering are refused")
    if missed:
        sys.exit("not refused: " + ", ".join(missed))


main()
