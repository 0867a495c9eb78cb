#!/usr/bin/env python3
"""Prints the records of envelopes as `pinaflux decode` does: ../../FORMAT.md in Python's standard library and a `zstd` tool.

    decode.py FILE...        (a module `zstandard` or `compression.zstd` is taken instead of the tool, if there is one)
"""
import base64, datetime, hashlib, math, struct, subprocess, sys

M64 = (1 << 64) - 1


def unzstd(frame):
    for name, call in (("compression.zstd", "decompress"), ("zstandard", "decompress")):
        try:
            return getattr(__import__(name, fromlist=[call]), call)(frame)
        except ImportError:
            pass
    return subprocess.run(["zstd", "-dcq"], input=frame, stdout=subprocess.PIPE, check=True).stdout


def signed(v): return v - (1 << 64) if v >> 63 else v
def unzigzag(v): return (v >> 1) ^ -(v & 1)
def bits_of(d): return struct.unpack("<Q", struct.pack("<d", d))[0]
def double_of(b): return struct.unpack("<d", struct.pack("<Q", b & M64))[0]
def float_of(o): return struct.unpack("<f", struct.pack("<I", (abs(o) & 0x7FFFFFFF) | (0x80000000 if o < 0 else 0)))[0]


def single(d):
    try:
        return struct.unpack("<f", struct.pack("<f", d))[0]
    except OverflowError:
        return math.copysign(math.inf, d)


def order_of(f):
    b = struct.unpack("<I", struct.pack("<f", f))[0]
    return -(b & 0x7FFFFFFF) if b >> 31 else b


def printed(v, digits, decimals):
    if digits == 0: return v
    whole = 0
    while whole < 17 and abs(v) >= 10.0 ** whole: whole += 1
    power = 10.0 ** max(0, min(digits - whole, decimals))
    x = abs(v) * power
    m = int(x + 0.5) / power if x < 2.0 ** 53 else 0.0
    return -m if v < 0 and x < 2.0 ** 53 else m


class Body:
    def __init__(self, data):
        self.d, self.at, self.taken, self.range, self.code = data, 0, 0, 0xFFFFFFFF, None
        self.rows, self.classes, self.keys = 0, [], None

    def u8(self):
        self.at += 1
        return self.d[self.at - 1]

    def raw(self, n):
        self.at += n
        if self.at > len(self.d): raise ValueError("cut short at byte %d of the body" % len(self.d))
        return self.d[self.at - n:self.at]

    def varint(self):
        v = shift = 0
        while True:
            b = self.u8()
            v |= (b & 127) << shift
            shift += 7
            if b < 128: return v

    def text(self): return self.raw(self.varint())

    def shift_in(self):
        self.taken += 1
        self.code = (self.code << 8 | (self.d[-self.taken] if self.taken <= len(self.d) else 0)) & 0xFFFFFFFF

    def bit(self, models, key):
        one, seen = models.get(key, (32768, 0))
        bound = (self.range >> 16) * one
        bit = self.code < bound
        if bit: self.range = bound
        else: self.range, self.code = self.range - bound, self.code - bound
        rate = 655360 // (10 * seen + 18)
        models[key] = (one + ((65536 - one) * rate >> 16) if bit else one - (one * rate >> 16), min(seen + 1, 255))
        while self.range < 1 << 24:
            self.range <<= 8
            self.shift_in()
        return bit

    def coded(self, n, count):
        shift, context, models, out = self.u8(), self.u8(), {}, []
        classes = self.classes[-1 - self.u8()][count - n:] if context in (2, 3) else None
        if self.code is None:
            self.code = 0
            for _ in range(4): self.shift_in()
        start, raw, width, symbol = self.at * 8, 0, 0, 0
        whole = int.from_bytes(self.d[self.at:], "little")
        for i in range(n):
            c = (0, width, classes and classes[i], classes and width * 4 + classes[i], symbol)[context]
            width = 0
            while width < 64 - shift and self.bit(models, (0, c, width)): width += 1
            v, left = min(width, 1), max(width - 1, 0)
            for _ in range(min(left, 3)):
                v, left = v * 2 + self.bit(models, (1, c if context == 4 else -1, min(width, 7) if context == 4 else width, v)), left - 1
            left += shift
            v = v << left | (whole >> raw & ((1 << left) - 1))
            raw += left
            out.append(v)
            width, symbol = min(width, 7), min(v >> shift, 63)
        self.raw((raw + 7) // 8)
        return out, shift

    def misses(self, layout, n, count):
        if layout == 0: return [0] * n, 0
        if layout == 1: return [self.varint() for _ in range(n)], 0
        if layout == 2:
            planes = [self.raw(n) for _ in range(self.u8())]
            return [sum(p[i] << 8 * b for b, p in enumerate(planes)) for i in range(n)], 0
        if layout == 3:
            values = [self.varint() for _ in range(self.varint())]
            return [v for v in values for _ in range(self.varint() + 1)], 0
        if layout == 4:
            bits = self.raw((n + 7) // 8)
            return [bits[i // 8] >> i % 8 & 1 for i in range(n)], 0
        if layout == 5:
            out, at, places = [0] * n, 0, []
            for _ in range(self.varint()):
                places.append(at + self.varint())
                at = places[-1] + 1
            for p in places: out[p] = self.varint() + 1
            return out, 0
        if layout == 6: return self.coded(n, count)
        raise ValueError("layout %d is newer than this decoder" % layout)

    def series(self, n):
        if n == 0: return []
        head = self.u8()
        how, unit, base, front = head & 7, 1, 0, []
        if how > 5: raise ValueError("prediction %d is newer than this decoder" % how)
        if head & 8: unit, base = self.varint(), unzigzag(self.varint())
        for _ in range({2: 1, 3: min(n, 2), 4: 1, 5: 1}.get(how, 0)): front.append(unzigzag(self.varint()))
        given = 0 if how == 4 else len(front)
        m, shift = self.misses(head >> 4, n - given, n)
        if n == self.rows and self.classes and self.classes[-1] is None:
            self.classes[-1] = [0] * given + [min((v >> shift).bit_length(), 3) for v in m]
        if how == 1: m = [unzigzag(v) for v in m]
        if how == 4: m = [v + front[0] for v in m]
        if how in (2, 3, 5): m = self.follow(how, front, m)
        return [base + unit * v & M64 for v in m]

    def follow(self, how, front, m):
        out, step, last = [front[0]], front[1] if len(front) > 1 else 0, {}
        if how == 3 and len(front) > 1: out.append(front[0] + step)
        if how == 5: last[self.keys[0]] = front[0]
        for v in m:
            step = step + unzigzag(v) if how == 3 else unzigzag(v)
            out.append((last.get(self.keys[len(out)], front[0]) if how == 5 else out[-1]) + step)
            if how == 5: last[self.keys[len(out) - 1]] = out[-1]
        return out

    def doubles(self, n):
        mode = self.u8()
        if mode in (2, 3):
            digits, decimals, step = self.u8(), self.u8(), double_of(int.from_bytes(self.raw(8), "little"))
            first = [signed(v) for v in self.series(n)]
            back = [single(v * step) if mode == 2 else v * step for v in first] if step else [float_of(v) for v in first]
            if step and mode == 2: back = [float_of(order_of(f) + signed(w)) for f, w in zip(back, self.series(n))]
            return [double_of(bits_of(printed(f, digits, decimals)) + k) for f, k in zip(back, self.series(n))]
        if mode not in (0, 1) and not 32 <= mode <= 54: raise ValueError("mode %d is newer than this decoder" % mode)
        first = self.series(n)
        if mode == 0: return [double_of(v) for v in first]
        if mode == 1: return [struct.unpack("<f", struct.pack("<I", v))[0] for v in first]
        return [double_of(bits_of(signed(m) / 10.0 ** (mode - 32)) + k) for m, k in zip(first, self.series(n))]

    def texts(self, n):
        mode = self.u8()
        if mode > 1: raise ValueError("texts of mode %d are newer than this decoder" % mode)
        entries = [self.raw(size) for size in self.series(n if mode == 0 else self.varint())]
        if mode == 0: return entries
        numbers = self.series(n)
        known = len(set(self.keys)) if self.keys else 1
        if n == self.rows and known * len(entries) <= 65536:
            self.keys = list(zip(self.keys, numbers)) if self.keys else numbers
        return [entries[i] for i in numbers]

    def cells(self, kind, n):
        if kind < 2: return [(kind, None)] * n
        if kind == 9:
            kinds = self.series(n)
            columns = {k: iter(self.cells(k, kinds.count(k))) for k in sorted(set(kinds))}
            return [next(columns[k]) for k in kinds]
        if kind in (5, 8):
            whole = lambda v: kind == 8 and abs(v) <= 2.0 ** 53 and v == int(v) and bits_of(v) != 1 << 63
            return [(3, int(v)) if math.isfinite(v) and whole(v) else (5, v) for v in self.doubles(n)]
        if kind in (6, 7): return [(kind, t) for t in self.texts(n)]
        if kind > 9: raise ValueError("kind %d is newer than this decoder" % kind)
        return [(kind, signed(v) if kind == 3 else v) for v in self.series(n)]

    def read(self):
        if self.u8() != 1: raise ValueError("the body's version is newer than this decoder")
        rows = self.varint()
        if rows == 0: return []
        tables = [(self.text(), [self.text() for _ in range(self.varint())]) for _ in range(self.varint())]
        order = self.series(rows) if len(tables) > 1 else [0] * rows
        boots, times = self.series(rows), [signed(t) for t in self.series(rows)]
        columns = []
        for t, (stream, fields) in enumerate(tables):
            self.rows, self.classes, self.keys, table = order.count(t), [], None, []
            for _ in fields:
                self.classes.append(None)
                table.append(self.cells(self.u8(), self.rows))
            columns.append(iter(list(zip(*table)) if table else [()] * self.rows))
        return [(*tables[t], boots[i], times[i], next(columns[t])) for i, t in enumerate(order)]
