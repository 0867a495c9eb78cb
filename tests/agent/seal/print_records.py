#!/usr/bin/env python3
"""Prints what the Python decoder reads as `pinaflux decode` does: print_records.py FILE [DICTIONARY]"""

import base64
import datetime
import json
import math
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "agent/seal/decoders/python"))
import decode  # noqa: E402


def number(v):
    """The shorter of both ways to write the shortest digits."""
    if not math.isfinite(v):
        return '"%s"' % ("NaN" if v != v else "Infinity" if v > 0 else "-Infinity")
    sign, digits, exponent = re.fullmatch(r"(-?)([\d.]+)(?:e(.*))?", repr(v)).groups()
    whole, _, part = digits.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = (whole + part).lstrip("0")
    point -= len(whole + part) - len(digits)
    digits = digits.rstrip("0")
    if not digits:
        return sign + "0"
    scientific = digits[0] + ("." + digits[1:] if digits[1:] else "") + "e%+03d" % (point - 1)
    if point >= len(digits):
        fixed = str(int(abs(v)))
    else:
        fixed = digits[:point] + "." + digits[point:] if point > 0 else "0." + "0" * -point + digits
    return sign + (fixed if len(fixed) <= len(scientific) else scientific)


def text(t):
    t = json.dumps(re.sub("[\udc80-\udcff]", "\ufffd", t), ensure_ascii=False)
    t = re.sub(r"\\(.)", lambda m: {"b": r"\u0008", "f": r"\u000c"}.get(m[1], m[0]), t)
    return t.replace("\x7f", "\\u007f")


def value(v):
    if isinstance(v, float):
        return number(v)
    if isinstance(v, str):
        return text(v)
    return '"%s"' % v.hex() if isinstance(v, bytes) else json.dumps(v)


def moment(ns):
    second, part = divmod(ns, 10**9)
    day = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=second)
    return day.isoformat() + ".%09dZ" % part


def main(path, *dictionary):
    header, records = decode.read(pathlib.Path(path).read_bytes(), *(("-D", *dictionary) if dictionary else ()))
    epoch = base64.urlsafe_b64decode(header["e"] + "==").hex()
    for seq, stream, boot, ns, fields in records:
        pairs = [("_stream", stream), ("_gateway", header["g"]), ("_epoch", epoch), ("_lane", header["l"]), ("_seq", seq)]
        pairs += [("_since_boot_ns", ns), ("_boot", boot)] if boot else [("_time", moment(ns))]
        pairs += [("_" + f if f.startswith("_") else f, v) for f, v in fields.items()]
        line = "{" + ",".join(text(k) + ":" + value(v) for k, v in pairs) + "}\n"
        sys.stdout.buffer.write(line.encode())


main(*sys.argv[1:])
