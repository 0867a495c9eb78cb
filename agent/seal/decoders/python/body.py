"""The body of an envelope, read: ../../FORMAT.md in plain Python. decode.py prints what it gives."""
import math, struct

def newer(what): raise ValueError("%s is newer than this decoder" % what)
def signed(v): return v - (1 << 64) if v >> 63 else v
def unzigzag(v): return (v >> 1) ^ -(v & 1)
def cast(to, of, v): return struct.unpack("<" + to, struct.pack("<" + of, v))[0]
def double_of(bits): return cast("d", "Q", bits & (1 << 64) - 1)
def float_of(order): return cast("f", "I", abs(order) & 0x7FFFFFFF | (order < 0) << 31)
def single(d):
    try: return cast("f", "f", d)
    except OverflowError: return math.copysign(math.inf, d)
def order_of(f):
    bits = cast("I", "f", f)
    return -(bits & 0x7FFFFFFF) if bits >> 31 else bits
def printed(v, digits, decimals):
    if digits == 0: return v
    whole = next((n for n in range(17) if not abs(v) >= 10.0 ** n), 17)
    power = float(10 ** max(0, min(digits - whole, decimals)))
    if not abs(v) * power < 2.0 ** 53: return 0.0
    return math.copysign(int(abs(v) * power + 0.5) / power, v if v < 0 else 1)

class Body:
    def __init__(self, data):
        self.d, self.at, self.taken, self.range, self.code, self.classes, self.keys = data, 0, 0, 0xFFFFFFFF, None, [], None
    def raw(self, n):
        self.at += n
        if self.at > len(self.d): raise ValueError("the body is cut short at byte %d" % len(self.d))
        return self.d[self.at - n:self.at]
    def u8(self): return self.raw(1)[0]
    def varint(self): return (lambda b: b if b < 128 else b & 127 | self.varint() << 7)(self.u8())
    def text(self): return self.raw(self.varint())
    def shift(self):  # The coder's bytes stand at the end, backwards.
        self.taken += 1
        self.code = (self.code << 8 | (self.d[-self.taken] if self.taken <= len(self.d) else 0)) & 0xFFFFFFFF
    def bit(self, models, key):
        one, seen = models.get(key, (32768, 0))
        bound, rate = (self.range >> 16) * one, 655360 // (10 * seen + 18)
        bit = self.code < bound
        if not bit: self.code -= bound
        self.range = bound if bit else self.range - bound
        models[key] = (one + ((65536 - one) * rate >> 16) if bit else one - (one * rate >> 16)), min(seen + 1, 255)
        while self.range < 1 << 24:
            self.range <<= 8
            self.shift()
        return bit
    def coded(self, n, count):
        low, context, models, out, at, width = self.u8(), self.u8(), {}, [], 0, 0
        if context > 3: newer("context %d" % context)
        classes = self.classes[-1 - self.u8()][count - n:] if context in (2, 3) else [0] * n
        if self.code is None:
            self.code = 0
            for _ in range(4): self.shift()
        raw = int.from_bytes(self.d[self.at:], "little")
        for i in range(n):
            c = (0, width, classes[i], width * 4 + classes[i])[context]
            width = 0
            while width < 64 - low and self.bit(models, (c, width)): width += 1
            v, left = min(width, 1), max(width - 1, 0)
            for _ in range(min(left, 3)): v, left = v * 2 + self.bit(models, (width, v, 0)), left - 1
            v, at = v << left + low | (raw >> at & (1 << left + low) - 1), at + left + low
            width = min(width, 7)
            out.append(v)
        self.raw((at + 7) // 8)
        return out, low
    def prefix(self, n):
        low, count = self.u8(), self.u8()
        sizes = [b >> i & 15 for b in self.raw((count + 1) // 2) for i in (0, 4)]
        code, codes, out, at = 0, {}, [], 0
        for size, s in sorted((size, s) for s, size in enumerate(sizes) if size):
            codes[format(code >> 8 - size, "0%db" % size)], code = s, code + (256 >> size)
        bits = "".join(format(b, "08b") for b in self.d[self.at:])
        for _ in range(n):
            end = next(e for e in range(at + 1, at + 9) if bits[at:e] in codes)
            s = codes[bits[at:end]]
            at = end + low + (s // 2 - 2 if s > 7 else 0)
            out.append((s if s < 8 else 2 + s % 2) << at - end | int("0" + bits[end:at], 2))
        self.raw((at + 7) // 8)
        return out, low
    def misses(self, layout, n, count):
        if layout == 0: return [0] * n
        if layout == 1: return [self.varint() for _ in range(n)]
        if layout == 2: return [int.from_bytes(b, "little") for b in zip(*[self.raw(n) for _ in range(self.u8())])]
        if layout == 3: return [v for v in [self.varint() for _ in range(self.varint())] for _ in range(self.varint() + 1)]
        if layout == 4: return [b >> i & 1 for b in self.raw((n + 7) // 8) for i in range(8)][:n]
        if layout != 5: newer("layout %d" % layout)
        gaps = [self.varint() for _ in range(self.varint())]
        return [v for g in gaps for v in [0] * g + [self.varint() + 1]] + [0] * (n - sum(gaps) - len(gaps))
    def series(self, n):
        if n == 0: return []
        head = self.u8()
        how, unit, base = head & 7, 1, 0
        if how > 5: newer("prediction %d" % how)
        if head & 8: unit, base = self.varint(), unzigzag(self.varint())
        front = [unzigzag(self.varint()) for _ in range((0, 0, 1, min(n, 2), 1, 1)[how])]
        given, low = 0 if how == 4 else len(front), 0
        if head >> 4 == 6: m, low = self.coded(n - given, n)
        elif head >> 4 == 7: m, low = self.prefix(n - given)
        else: m = self.misses(head >> 4, n - given, n)
        if self.classes and n == self.rows and self.classes[-1] is None:
            self.classes[-1] = [0] * given + [min((v >> low).bit_length(), 3) for v in m]
        if how == 1: m = [unzigzag(v) for v in m]
        if how == 4: m = [v + front[0] for v in m]
        if how in (2, 3, 5):
            out, step, last = front[:1] + [sum(front)] * (given > 1), front[-1], {}
            if how == 5: last[self.keys[0]] = front[0]
            for v in m:
                step = unzigzag(v) + (step if how == 3 else 0)
                out.append(step + (last.get(self.keys[len(out)], front[0]) if how == 5 else out[-1]))
                if how == 5: last[self.keys[len(out) - 1]] = out[-1]
            m = out
        return [base + unit * v & (1 << 64) - 1 for v in m]
    def doubles(self, n):
        mode = self.u8()
        if mode == 0: return [double_of(v) for v in self.series(n)]
        if mode == 1: return [cast("f", "I", v) for v in self.series(n)]
        if 32 <= mode <= 54: back = [signed(m) / 10.0 ** (mode - 32) for m in self.series(n)]
        elif mode not in (2, 3): newer("mode %d" % mode)
        else:
            digits, decimals, step = self.u8(), self.u8(), cast("d", "8s", self.raw(8))
            first = [signed(v) for v in self.series(n)]
            if mode == 3: back = [v * step for v in first]
            elif step: back = [float_of(order_of(single(v * step)) + signed(w)) for v, w in zip(first, self.series(n))]
            else: back = [float_of(v) for v in first]
            back = [printed(v, digits, decimals) for v in back]
        return [double_of(cast("Q", "d", b) + k) for b, k in zip(back, self.series(n))]
    def texts(self, n):
        mode = self.u8()
        if mode > 1: newer("texts' mode %d" % mode)
        entries = [self.raw(size) for size in self.series(n if mode == 0 else self.varint())]
        if mode == 0: return entries
        numbers = self.series(n)
        if n == self.rows and len(set(self.keys or [0])) * len(entries) <= 65536:
            self.keys = list(zip(self.keys or [0] * n, numbers))
        return [entries[i] for i in numbers]
    def cells(self, kind, n):
        if kind > 9: newer("kind %d" % kind)
        if kind < 2: return [(kind, None)] * n
        if kind in (6, 7): return [(kind, t) for t in self.texts(n)]
        if kind == 5: return [(5, v) for v in self.doubles(n)]
        if kind == 8:
            whole = lambda v: abs(v) <= 2.0 ** 53 and v == int(v) and (v or math.copysign(1, v) > 0)
            return [(3, int(v)) if whole(v) else (5, v) for v in self.doubles(n)]
        if kind < 9: return [(kind, signed(v) if kind == 3 else v) for v in self.series(n)]
        kinds = self.series(n)
        columns = {k: iter(self.cells(k, kinds.count(k))) for k in sorted(set(kinds))}
        return [next(columns[k]) for k in kinds]
    def rows_of(self):
        if self.u8() != 1: newer("the body's version")
        rows = self.varint()
        tables = [(self.text(), [self.text() for _ in range(self.varint())]) for _ in range(self.varint())] if rows else []
        order = self.series(rows) if len(tables) > 1 else [0] * rows
        boots, times, columns = self.series(rows), [signed(t) for t in self.series(rows)], []
        for t, (_, fields) in enumerate(tables):
            self.rows, self.classes, self.keys, table = order.count(t), [], None, []
            for _ in fields:
                self.classes.append(None)
                table.append(self.cells(self.u8(), self.rows))
            columns.append(zip(*table) if table else iter([()] * self.rows))
        return [(*tables[t], boots[i], times[i], next(columns[t])) for i, t in enumerate(order)]
