#!/usr/bin/env python3
"""Prints the records of envelopes as `pinaflux decode` does. Needs Python 3.8 and the `zstd` tool.

    decode.py FILE...
"""
import base64, datetime, hashlib, json, math, re, subprocess, sys
from body import Body

def number(v):  # The shorter of both ways to write the shortest digits.
    if not math.isfinite(v): return '"%s"' % ("NaN" if v != v else "Infinity" if v > 0 else "-Infinity")
    sign, digits, exponent = re.fullmatch(r"(-?)([\d.]+)(?:e(.*))?", repr(v)).groups()
    whole, _, part = digits.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = (whole + part).lstrip("0")
    point -= len(whole + part) - len(digits)
    digits = digits.rstrip("0")
    if not digits: return sign + "0"
    scientific = digits[0] + ("." + digits[1:] if digits[1:] else "") + "e%+03d" % (point - 1)
    fixed = str(int(abs(v))) if point >= len(digits) else digits[:point] + "." + digits[point:] if point > 0 else "0." + "0" * -point + digits
    return sign + (fixed if len(fixed) <= len(scientific) else scientific)

def text(t):
    t = t.decode("utf-8", "surrogateescape")  # A byte that is no UTF-8 becomes one of DC80 to DCFF.
    t = json.dumps(re.sub("[\udc80-\udcff]", "\ufffd", t), ensure_ascii=False)
    return re.sub(r"\\(.)", lambda m: {"b": r"\u0008", "f": r"\u000c"}.get(m[1], m[0]), t).replace("\x7f", "\\u007f")

def value(kind, v):
    if kind == 5: return number(v)
    if kind == 6: return text(v)
    if kind == 7: return '"%s"' % v.hex()
    return "null" if kind == 1 else str(v) if kind > 2 else "true" if v else "false"

def moment(ns):
    second, part = divmod(ns, 10 ** 9)
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=second)).isoformat() + ".%09dZ" % part

def main(path):
    line, _, frame = open(path, "rb").read().partition(b"\n")
    h = dict(pair.split("=", 1) for pair in line.decode().split(" ")[1:])
    if not line.startswith(b"pinaflux-env/1 "): raise SystemExit("%s: no envelope that this decoder knows" % path)
    digest = hashlib.sha256(line[:line.rindex(b" h=")] + frame).digest()[:16]
    if base64.urlsafe_b64encode(digest).decode().rstrip("=") != h["h"]: raise SystemExit("%s: the hash does not fit" % path)
    body = Body(subprocess.run(["zstd", "-dcq"], input=frame, stdout=subprocess.PIPE, check=True).stdout)
    first, every = int(h["s"].split("-")[0]), int(h.get("n", 1))
    first += -first % every
    epoch = base64.urlsafe_b64decode(h["e"] + "==").hex()
    for i, (stream, fields, boot, ns, cells) in enumerate(body.rows_of()):
        pairs = [("_stream", text(stream)), ("_gateway", '"%s"' % h["g"]), ("_epoch", '"%s"' % epoch), ("_lane", '"%s"' % h["l"]),
                 ("_seq", str(first + i * every))]
        pairs += [("_since_boot_ns", str(ns)), ("_boot", str(boot))] if boot else [("_time", '"%s"' % moment(ns))]
        pairs += [(f, value(*c)) for f, c in zip(fields, cells) if c[0] > 0]
        out = ",".join((p[0] if isinstance(p[0], str) else "") and '"%s":%s' % p or
                       "%s:%s" % (text(b"_" + p[0] if p[0].startswith(b"_") else p[0]), p[1]) for p in pairs)
        sys.stdout.buffer.write(("{" + out + "}\n").encode())

for file in sys.argv[1:]: main(file)
