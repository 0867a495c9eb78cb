// Reads envelopes: ../../FORMAT.md in plain JavaScript, with `zstd`. With d=: read(it, '-D', file).
// A field is a name and a value: null, a boolean, a BigInt, a number, { text: Buffer } or a Buffer.
'use strict';
const crypto = require('crypto'), { execFileSync } = require('child_process');
const view = new DataView(new ArrayBuffer(8));
const signed = (v) => BigInt.asIntN(64, v), unsigned = (v) => BigInt.asUintN(64, v);
const unzigzag = (v) => (v >> 1n) ^ -(v & 1n), big = BigInt, zero = (n) => Array(n).fill(0n);
const times = (n, item) => Array.from({ length: n }, (_, i) => item(i));
const doubleOf = (bits) => (view.setBigUint64(0, unsigned(bits)), view.getFloat64(0));
const singleOf = (bits) => (view.setUint32(0, Number(bits)), view.getFloat32(0));
const plus = (d, k) => (view.setFloat64(0, d), doubleOf(view.getBigUint64(0) + k));
const floatOf = (order) => singleOf(order < 0n ? -order | 0x80000000n : order & 0x7fffffffn);
const sizeAndSign = (bits) => big(bits < 0 ? -(bits & 0x7fffffff) : bits);
const orderOf = (f) => (view.setFloat32(0, f), sizeAndSign(view.getInt32(0)));
const power = (n) => Number(`1e${n}`), append = (v, bit) => v << 1n | bit;
const whole = (v) => (v % 1 || Math.abs(v) > 2 ** 53 || Object.is(v, -0) || v !== v ? v : big(v));
const fail = (why) => { throw new Error(why); };
const known = (what, n, most) => (n > most ? fail(`${what} ${n} is newer than this decoder`) : n);
function printed(v, digits, decimals) {
  if (digits === 0) return v;
  const size = Math.abs(v), whole = times(17, power).filter((p) => p <= size).length;
  const scale = power(Math.max(0, Math.min(digits - whole, decimals)));
  return size * scale < 2 ** 53 ? Math.floor(size * scale + 0.5) / scale * (v < 0 ? -1 : 1) : 0;
}

function recordsOf(d, seqOf) {
  let at = 0, taken = 0, range = 2 ** 32 - 1, code = 0; // In bits; the code is read from the end.
  let rows = -1, classes = [], keys = null; // Of the table that is being read.
  const raw = (n) => ((at = (((at + 7) >> 3) + n) * 8) > d.length * 8 // Begins at a whole byte.
    ? fail('the body is cut off') : d.subarray(at / 8 - n, at / 8));
  const bits = (n, flip) => times(n, () => big(d[at >> 3] >> ((at++ & 7) ^ flip) & 1));
  const u8 = () => raw(1)[0], tail = () => { code = code * 256 + (d[d.length - ++taken] || 0); };
  const varint = (b = u8()) => (b < 128 ? big(b) : big(b & 127) | varint() << 7n);
  const size = () => Number(varint()), list = (of) => times(size(), of), text = () => raw(size());
  times(4, tail);
  function bit(models, key) {
    const [p, seen] = models.get(key) || [32768, 0], rate = Math.floor(655360 / (10 * seen + 18));
    const bound = (range >>> 16) * p, is = code < bound, way = is ? 65536 - p : -p;
    models.set(key, [p + Math.sign(way) * (Math.abs(way) * rate >>> 16), Math.min(seen + 1, 255)]);
    [code, range] = is ? [code, bound] : [code - bound, range - bound];
    for (; range < 2 ** 24; range *= 256) tail();
    return is ? 1 : 0;
  }
  function coded(n) {
    const low = u8(), context = known('context', u8(), 3), map = new Map(), out = [];
    const other = context > 1 ? classes[classes.length - 1 - u8()].slice(-n) : [];
    for (let i = 0, width = 0; i < n; ++i, width = Math.min(width, 7)) {
      const c = [0, width, other[i], width * 4 + other[i]][context];
      for (width = 0; width < 64 - low && bit(map, `${c}/${width}`);) ++width;
      let v = Math.min(width, 1);
      for (let more = Math.min(width, 4); more > 1; --more) v = v * 2 + bit(map, `${width},${v}`);
      out.push(bits(Math.max(width - 4, 0) + low, 0).reduceRight(append, big(v)));
    }
    return [out, big(low)];
  }
  function prefix(n) {
    const low = u8(), lengths = [...raw((u8() + 1) >> 1)].flatMap((b) => [b & 15, b >> 4]);
    const places = lengths.flatMap((b, s) => times(b && 256 >> b, () => [b, s]));
    places.sort((a, b) => a[0] - b[0]);
    return [times(n, () => {
      const [size, s] = places[Number(bits(8, 7).reduce(append))], open = s > 7 ? (s >> 1) - 2 : 0;
      at += size - 8;
      return bits(low + open, 7).reduce(append, big(s > 7 ? 2 + s % 2 : s));
    }), big(low)];
  }
  const misses = (layout, n) => [
    () => zero(n), () => times(n, () => varint()),
    () => list(() => raw(n)).reduceRight((m, p) => m.map((v, i) => v << 8n | big(p[i])), zero(n)),
    () => list(() => varint()).flatMap((v) => times(size() + 1, () => v)),
    () => [...raw((n + 7) >> 3)].flatMap((b) => times(8, (i) => big(b >> i & 1))).slice(0, n),
    () => [...list(size).flatMap((gap) => [...zero(gap), varint() + 1n]), ...zero(n)].slice(0, n),
  ][layout]();
  function follow(how, front, m) {
    if (how < 2 || how === 4) return m.map([(v) => v, unzigzag, 0, 0, (v) => v + front[0]][how]);
    const out = front.length > 1 ? [front[0], front[0] + front[1]] : [front[0]];
    const key = (i) => (how === 5 ? keys[i] : ''), last = new Map([[key(0), out[out.length - 1]]]);
    m.map(unzigzag).reduce((step, v) => {
      const [k, distance] = [key(out.length), v + (how === 3 ? step : 0n)];
      out.push(last.set(k, (last.has(k) ? last.get(k) : front[0]) + distance).get(k));
      return distance;
    }, front[front.length - 1]);
    return out;
  }
  function series(n) {
    if (n === 0) return [];
    const b = u8(), how = known('prediction', b & 7, 6), layout = known('layout', b >> 4, 7);
    const [unit, base] = b & 8 ? [varint(), unzigzag(varint())] : [1n, 0n];
    const numbers = how === 6 ? series(size() + known('list', layout, 0)) : [];
    if (how === 6) return series(n).map((place) => unsigned(base + unit * numbers[place]));
    const front = times([0, 0, 1, Math.min(n, 2), 1, 1][how], () => unzigzag(varint()));
    const given = how === 4 ? 0 : front.length, last = classes.length - 1, left = n - given;
    const [m, low] = layout < 6 ? [misses(layout, left), 0n] : [coded, prefix][layout - 6](left);
    const classOf = (v = 0n) => Math.min(3, (v >> low).toString(2).replace(/^0/, '').length);
    if (n === rows && !classes[last]) classes[last] = times(n, (i) => classOf(m[i - given]));
    return follow(how, front, m).map((v) => unsigned(base + unit * v));
  }
  function doubles(n) {
    const mode = u8(), isDecimal = known('mode', mode, mode < 32 ? 3 : 54) >= 32;
    if (mode < 2) return series(n).map([doubleOf, singleOf][mode]);
    const [digits, decimals, step] = isDecimal ? [0, 0, 0] : [u8(), u8(), raw(8).readDoubleLE()];
    let back = series(n).map(signed).map((v) => (isDecimal ? Number(v) / power(mode - 32) : v));
    if (step || mode === 3) back = back.map((v) => Number(v) * step);
    if (step && mode === 2) back = series(n).map((w, i) => orderOf(back[i]) + signed(w));
    if (mode === 2) back = back.map(floatOf);
    return series(n).map((k, i) => plus(printed(back[i], digits, decimals), k));
  }
  function texts(n) {
    const mode = known('texts', u8(), 1), entries = series(mode ? size() : n).map(Number).map(raw);
    if (mode === 0) return entries;
    const numbers = series(n), before = keys || [];
    if (n === rows && new Set(before).size * entries.length <= 65536)
      keys = numbers.map((v, i) => `${before[i]},${v}`);
    return numbers.map((v) => entries[v]);
  }
  function cells(kind, n) { // undefined: absent.
    if (known('kind', kind, 9) < 2) return times(n, () => (kind ? null : undefined));
    if (kind === 5 || kind === 8) return doubles(n).map((v) => (kind === 8 ? whole(v) : v));
    if (kind === 6 || kind === 7) return texts(n).map((t) => (kind === 6 ? { text: t } : t));
    const values = series(n);
    if (kind < 9) return values.map([(v) => v === 1n, signed, unsigned][kind - 2]);
    const those = (k) => values.filter((v) => Number(v) === k).length;
    const columns = times(9, (k) => (those(k) ? cells(k, those(k)) : []));
    return values.map((k) => columns[k].shift());
  }
  known('body', u8(), 1);
  const all = size(), tables = all ? list(() => ({ stream: text(), names: list(text) })) : [];
  const order = tables.length > 1 ? series(all).map(Number) : times(all, () => 0);
  const boots = series(all), moments = series(all).map(signed);
  tables.forEach((table, t) => {
    [rows, classes, keys] = [order.filter((x) => x === t).length, [], null];
    table.columns = table.names.map(() => (classes.push(null), cells(u8(), rows)));
  });
  return order.map((t) => tables[t]).map(({ stream, names, columns }, i) => {
    const fields = names.map((f, c) => [f, columns[c].shift()]).filter((f) => f[1] !== undefined);
    return { seq: seqOf(i), stream, boot: boots[i], ns: moments[i], fields };
  });
}

exports.read = (envelope, ...options) => {
  const end = envelope.indexOf(10), frame = envelope.subarray(end + 1);
  const line = envelope.toString('latin1', 0, end), [magic, ...pairs] = line.split(' ');
  if (!/^pinaflux-env\/[12]$/.test(magic)) fail('no envelope');
  const header = Object.fromEntries(pairs.map((pair) => pair.split('=')));
  const hash = crypto.createHash('sha256').update(line.slice(0, line.indexOf(' h='))).update(frame);
  if (hash.digest().subarray(0, 16).toString('base64url') !== header.h) fail('wrong hash');
  const plain = execFileSync('zstd', ['-dcq', ...options], { input: frame, maxBuffer: 1 << 26 });
  const every = big(header.n || 1), first = (big(header.s.split('-')[0]) + every - 1n) / every;
  return { header, records: recordsOf(plain, (i) => (first + big(i)) * every) };
};
