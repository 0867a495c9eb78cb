"""Reads envelopes: ../../FORMAT.md in plain Python (3.8), with `zstd`. read(bytes) gives header and
records: seq, stream, boot, ns, fields (a dict). With d=: read(bytes, "-D", file)."""
import base64, hashlib, math, struct, subprocess
ABSENT = object()
def known(what, number, most):
    if number > most: raise ValueError("%s %d is newer than this decoder" % (what, number))
    return number
def signed(v): return v - (1 << 64) if v >> 63 else v
def unzigzag(v): return (v >> 1) ^ -(v & 1)
def text(b): return b.decode("utf-8", "surrogateescape")  # What is no UTF-8 can be encoded back.
def cast(to, of, v): return struct.unpack("<" + to, struct.pack("<" + of, v))[0]
def plus(d, k): return cast("d", "Q", cast("Q", "d", d) + k & (1 << 64) - 1)
def float_of(order): return cast("f", "I", abs(order) & 0x7FFFFFFF | (order < 0) << 31)
def order_of(d):
    bits = cast("I", "f", d) if abs(d) < 2.0 ** 128 - 2.0 ** 103 else 0x7F800000 | (d < 0) << 31
    return -(bits & 0x7FFFFFFF) if bits >> 31 else bits
def number(v): return int(v) if abs(v) <= 2.0 ** 53 and v % 1 == 0 and str(v) != "-0.0" else v
def printed(v, digits, decimals):
    if digits == 0: return v
    power = float(10 ** max(0, min(digits - sum(abs(v) >= 10.0 ** n for n in range(17)), decimals)))
    if not abs(v) * power < 2.0 ** 53: return 0.0
    return math.copysign(int(abs(v) * power + 0.5) / power, v if v < 0 else 1)

class Body:
    def __init__(self, data):
        self.d, self.at, self.tail = data, 0, iter(data[::-1])  # In bits; the code is at the end.
        self.range, self.code = 0xFFFFFFFF, sum(next(self.tail, 0) << n for n in (24, 16, 8, 0))
        self.rows, self.classes, self.keys = 0, [], None  # Of the table that is being read.
    def raw(self, n):
        self.at = ((self.at + 7) // 8 + n) * 8  # Begins at a whole byte.
        if self.at > len(self.d) * 8: raise ValueError("the body of %d bytes is cut" % len(self.d))
        return self.d[self.at // 8 - n:self.at // 8]
    def u8(self): return self.raw(1)[0]
    def varint(self): return b if (b := self.u8()) < 128 else b & 127 | self.varint() << 7
    def list(self, item, *of): return [item(*of) for _ in range(self.varint())]
    def text(self): return text(self.raw(self.varint()))
    def bit(self, models, k):
        p, seen = models.get(k, (32768, 0))
        bound, rate = (self.range >> 16) * p, 655360 // (10 * seen + 18)
        bit = self.code < bound
        models[k] = p + ((65536 - p) * rate >> 16 if bit else -(p * rate >> 16)), min(seen + 1, 255)
        self.code, self.range = self.code - bound * (not bit), bound if bit else self.range - bound
        while self.range < 1 << 24:
            self.range, self.code = self.range << 8, self.code << 8 | next(self.tail, 0)
        return bit
    def coded(self, n):
        low, context, models, out = self.u8(), known("context", self.u8(), 3), {}, []
        other = self.classes[-1 - self.u8()][-n:] if context in (2, 3) else [0] * n
        raw, width = int.from_bytes(self.d, "little"), 0
        for i in range(n):
            c = (0, width, other[i], width * 4 + other[i])[context]
            width = next((w for w in range(64 - low) if not self.bit(models, (c, w))), 64 - low)
            v, left = min(width, 1), max(width - 4, 0)
            for _ in range(min(width - 1, 3)): v = v * 2 + self.bit(models, (width, v, 0))
            out.append(v << left + low | (raw >> self.at & (1 << left + low) - 1))
            self.at, width = self.at + left + low, min(width, 7)
        return out, low
    def prefix(self, n):
        low, sizes = self.u8(), [b >> i & 15 for b in self.raw(self.u8() + 1 >> 1) for i in (0, 4)]
        places = sorted((b, s) for s, b in enumerate(sizes) if b for _ in range(256 >> b))
        bits, out = "".join(format(b, "08b") for b in self.d + bytes(1)), []
        for _ in range(n):
            size, s = places[int(bits[self.at:self.at + 8], 2)]
            top, left = (s, low) if s < 8 else (2 + s % 2, low + s // 2 - 2)
            self.at += size + left
            out.append(int(bin(top) + bits[self.at - left:self.at], 2))
        return out, low
    def misses(self, layout, n):
        if layout < 2: return [self.varint() if layout else 0 for _ in range(n)]
        if layout == 2: return [cast("Q", "8s", bytes(b)) for b in zip(*self.list(self.raw, n))]
        if layout == 3: return [v for v in self.list(self.varint) for _ in range(self.varint() + 1)]
        if layout == 4: return [b >> i & 1 for b in self.raw((n + 7) // 8) for i in range(8)][:n]
        out = [v for gap in self.list(self.varint) for v in [0] * gap + [self.varint() + 1]]
        return out + [0] * (n - len(out))
    def follow(self, how, front, m):
        if how < 2: return [unzigzag(v) for v in m] if how else m
        if how == 4: return [v + front[0] for v in m]
        out, step = front[:1] + [sum(front)] * (len(front) > 1), front[-1]
        keys = self.keys if how == 5 else [0] * (len(out) + len(m))
        last = {keys[0]: out[-1]}
        for key, v in zip(keys[len(out):], m):
            step = unzigzag(v) + (step if how == 3 else 0)
            last[key] = last.get(key, front[0]) + step
            out.append(last[key])
        return out
    def series(self, n):
        if n == 0: return []
        head = self.u8()
        how, layout = known("prediction", head & 7, 6), known("layout", head >> 4, 7)
        unit, base = (self.varint(), unzigzag(self.varint())) if head & 8 else (1, 0)
        if how == 6:
            numbers = self.series(self.varint() + known("list", layout, 0))
            return [base + unit * numbers[i] & (1 << 64) - 1 for i in self.series(n)]
        front = [unzigzag(self.varint()) for _ in range((0, 0, 1, min(n, 2), 1, 1)[how])]
        given = 0 if how == 4 else len(front)
        if layout < 6: m, low = self.misses(layout, n - given), 0
        else: m, low = (self.coded if layout == 6 else self.prefix)(n - given)
        if self.classes and n == self.rows and self.classes[-1] is None:
            self.classes[-1] = [0] * given + [min((v >> low).bit_length(), 3) for v in m]
        return [base + unit * v & (1 << 64) - 1 for v in self.follow(how, front, m)]
    def doubles(self, n):
        known("mode", mode := self.u8(), 54 if mode >= 32 else 3)
        if mode < 2: return [cast("df"[mode], "QI"[mode], v) for v in self.series(n)]
        how = (self.u8(), self.u8(), cast("d", "8s", self.raw(8))) if mode < 32 else (0, 0, 0)
        out, step = [signed(v) for v in self.series(n)], how[2]
        if mode >= 32: out = [v / 10.0 ** (mode - 32) for v in out]
        if step or mode == 3: out = [v * step for v in out]
        if mode == 2 and step: out = [order_of(v) + signed(w) for v, w in zip(out, self.series(n))]
        if mode == 2: out = [float_of(v) for v in out]
        return [plus(printed(v, *how[:2]), k) for v, k in zip(out, self.series(n))]
    def texts(self, n):
        mode = known("mode of texts", self.u8(), 1)
        words = [self.raw(size) for size in self.series(self.varint() if mode else n)]
        if mode == 0: return words
        ids, keys = self.series(n), self.keys or [0] * n
        if n == self.rows and len(set(keys)) * len(words) <= 65536: self.keys = list(zip(keys, ids))
        return [words[i] for i in ids]
    def cells(self, kind, n):
        if known("kind", kind, 9) < 2: return [None if kind else ABSENT] * n
        if kind in (5, 8): return [number(v) if kind == 8 else v for v in self.doubles(n)]
        if kind in (6, 7): return [text(t) if kind == 6 else t for t in self.texts(n)]
        values = self.series(n)
        if kind < 9: return [(bool, signed, int)[kind - 2](v) for v in values]
        columns = {k: iter(self.cells(k, values.count(k))) for k in sorted(set(values))}
        return [next(columns[k]) for k in values]
    def records(self):
        known("body", self.u8(), 1)
        if (count := self.varint()) == 0: return
        tables, made = self.list(lambda: (self.text(), self.list(self.text))), []
        order = self.series(count) if len(tables) > 1 else [0] * count
        boots, times = self.series(count), self.series(count)
        for number, (_, fields) in enumerate(tables):
            self.rows, self.classes, self.keys = order.count(number), [], None
            cells = [self.classes.append(None) or self.cells(self.u8(), self.rows) for _ in fields]
            made.append(zip(*cells) if fields else iter([()] * self.rows))
        for table, boot, ns in zip(order, boots, times):
            cells = zip(tables[table][1], next(made[table]))
            yield tables[table][0], boot, signed(ns), {f: v for f, v in cells if v is not ABSENT}

def read(envelope, *options):
    line, _, frame = envelope.partition(b"\n")
    if line[:15] not in (b"pinaflux-env/1 ", b"pinaflux-env/2 "): raise ValueError("no envelope")
    header = dict(pair.split("=", 1) for pair in line.decode().split(" ")[1:])
    digest = hashlib.sha256(line[:line.index(b" h=")] + frame).digest()
    if base64.urlsafe_b64encode(digest[:16])[:22] != header["h"].encode(): raise ValueError("hash")
    plain = subprocess.check_output(["zstd", "-dcq", *options], input=frame)
    first, every = int(header["s"].split("-")[0]), int(header.get("n", 1))
    seqs = range(first + -first % every, 1 << 64, every)
    return header, [(seq, *record) for seq, record in zip(seqs, Body(plain).records())]
