// The body of an envelope, read: ../../FORMAT.md in plain JavaScript (Node 16). decode.js prints what it gives.
'use strict';
const view = new DataView(new ArrayBuffer(8));
const u64 = (v) => BigInt.asUintN(64, v);
const signed = (v) => BigInt.asIntN(64, v);
const unzigzag = (v) => (v >> 1n) ^ -(v & 1n);
const widthOf = (v) => (v === 0n ? 0 : v.toString(2).length);
const bitsOf = (d) => (view.setFloat64(0, d), view.getBigUint64(0));
const doubleOf = (bits) => (view.setBigUint64(0, u64(bits)), view.getFloat64(0));
const newer = (what) => { throw new Error(`${what} is newer than this decoder`); };

function floatOf(order) {
  const size = Number((order < 0n ? -order : order) & 0x7fffffffn);
  view.setUint32(0, (size | (order < 0n ? 0x80000000 : 0)) >>> 0);
  return view.getFloat32(0);
}
function orderOf(f) {
  view.setFloat32(0, f);
  const bits = view.getUint32(0);
  return bits >>> 31 ? -BigInt(bits & 0x7fffffff) : BigInt(bits);
}
function printed(v, digits, decimals) {
  if (digits === 0) return v;
  let whole = 0;
  while (whole < 17 && Math.abs(v) >= Number(`1e${whole}`)) ++whole;
  const power = Number(`1e${Math.max(0, Math.min(digits - whole, decimals))}`);
  const x = Math.abs(v) * power;
  if (!(x < 2 ** 53)) return 0;
  const m = Math.floor(x + 0.5) / power;
  return v < 0 ? -m : m;
}

class Body {
  constructor(data) { Object.assign(this, { d: data, at: 0, taken: 0, range: 0xffffffff, code: -1, classes: [], rows: -1 }); }
  raw(n) {
    this.at += n;
    if (this.at > this.d.length) throw new Error(`the body is cut short at byte ${this.d.length}`);
    return this.d.subarray(this.at - n, this.at);
  }
  u8() { return this.raw(1)[0]; }
  varint() {
    for (let v = 0n, shift = 0n; ; shift += 7n) {
      const b = this.u8();
      v |= BigInt(b & 127) << shift;
      if (b < 128) return v;
    }
  }
  count() { return Number(this.varint()); }
  list(n, item) { return Array.from({ length: n }, item); }
  text() { return this.raw(this.count()); }
  shift() { // The coder's bytes stand at the end, backwards.
    const next = ++this.taken <= this.d.length ? this.d[this.d.length - this.taken] : 0;
    this.code = (this.code * 256 + next) % 2 ** 32;
  }
  bit(models, key) {
    const [one, seen] = models.get(key) || [32768, 0];
    const bound = (this.range >>> 16) * one, rate = Math.floor(655360 / (10 * seen + 18)), bit = this.code < bound;
    if (!bit) this.code -= bound;
    this.range = bit ? bound : this.range - bound;
    const step = (way) => Math.floor(way * rate / 65536);
    models.set(key, [bit ? one + step(65536 - one) : one - step(one), Math.min(seen + 1, 255)]);
    for (; this.range < 2 ** 24; this.range *= 256) this.shift();
    return bit ? 1 : 0;
  }
  coded(n, count) {
    const low = this.u8(), context = this.u8(), models = new Map(), out = [];
    if (context > 3) newer(`context ${context}`);
    const other = context === 2 || context === 3 ? this.classes[this.classes.length - 1 - this.u8()].slice(count - n) : [];
    if (this.code < 0) for (this.code = 0; this.taken < 4;) this.shift();
    let at = 0, width = 0;
    const raw = (bits) => {
      let v = 0n;
      for (let i = 0; i < bits; ++i, ++at) v |= BigInt(this.d[this.at + (at >> 3)] >> (at & 7) & 1) << BigInt(i);
      return v;
    };
    for (let i = 0; i < n; ++i) {
      const c = [0, width, other[i], width * 4 + other[i]][context];
      for (width = 0; width < 64 - low && this.bit(models, `${c}/${width}`);) ++width;
      let v = Math.min(width, 1), left = Math.max(width - 1, 0);
      for (let digit = Math.min(left, 3); digit > 0; --digit, --left) {
        v = v * 2 + this.bit(models, `,${width},${v}`);
      }
      out.push(BigInt(v) << BigInt(left + low) | raw(left + low));
      width = Math.min(width, 7);
    }
    this.raw((at + 7) >> 3);
    return [out, BigInt(low)];
  }
  prefix(n) {
    const low = this.u8(), count = this.u8(), codes = new Map();
    const sizes = [...this.raw((count + 1) >> 1)].flatMap((b) => [b & 15, b >> 4]);
    for (let size = 1, code = 0; size <= 8; ++size, code *= 2) {
      sizes.forEach((its, s) => its === size && codes.set(code++ + 2 ** size, s)); // A 1 in front tells 0 from 00.
    }
    let at = 0;
    const bit = () => this.d[this.at + (at >> 3)] >> (7 - (at++ & 7)) & 1;
    const out = this.list(n, () => {
      let code = 1;
      while (!codes.has(code) && code < 512) code = code * 2 + bit();
      const s = codes.get(code), open = low + (s > 7 ? (s >> 1) - 2 : 0);
      let v = BigInt(s > 7 ? 2 + s % 2 : s);
      for (let i = 0; i < open; ++i) v = v << 1n | BigInt(bit());
      return v;
    });
    this.raw((at + 7) >> 3);
    return [out, BigInt(low)];
  }
  misses(layout, n) {
    if (layout === 0) return Array(n).fill(0n);
    if (layout === 1) return this.list(n, () => this.varint());
    if (layout === 2) {
      const planes = this.list(this.u8(), () => this.raw(n));
      return this.list(n, (_, i) => planes.reduceRight((v, p) => v << 8n | BigInt(p[i]), 0n));
    }
    if (layout === 3) {
      const values = this.list(this.count(), () => this.varint());
      return values.flatMap((v) => Array(this.count() + 1).fill(v));
    }
    if (layout === 4) {
      const bits = this.raw((n + 7) >> 3);
      return this.list(n, (_, i) => BigInt(bits[i >> 3] >> (i & 7) & 1));
    }
    if (layout !== 5) newer(`layout ${layout}`);
    const out = Array(n).fill(0n);
    let at = -1;
    for (const place of this.list(this.count(), () => (at += this.count() + 1))) out[place] = this.varint() + 1n;
    return out;
  }
  series(n) {
    if (n === 0) return [];
    const head = this.u8(), how = head & 7;
    if (how > 5) newer(`prediction ${how}`);
    const [unit, base] = head & 8 ? [this.varint(), unzigzag(this.varint())] : [1n, 0n];
    const front = this.list([0, 0, 1, Math.min(n, 2), 1, 1][how], () => unzigzag(this.varint()));
    const given = how === 4 ? 0 : front.length;
    let [m, low] = head >> 4 === 6 ? this.coded(n - given, n) : head >> 4 === 7 ? this.prefix(n - given)
      : [this.misses(head >> 4, n - given), 0n];
    const last = this.classes.length - 1;
    if (n === this.rows && last >= 0 && !this.classes[last]) {
      this.classes[last] = [...Array(given).fill(0), ...m.map((v) => Math.min(widthOf(v >> low), 3))];
    }
    if (how === 1) m = m.map(unzigzag);
    if (how === 4) m = m.map((v) => v + front[0]);
    if (how === 2 || how === 3 || how === 5) m = this.follow(how, front, m);
    return m.map((v) => u64(base + unit * v));
  }
  follow(how, front, m) {
    const out = given(front), before = new Map(how === 5 ? [[this.keys[0], front[0]]] : []);
    let step = front[front.length - 1];
    for (const v of m) {
      const key = how === 5 ? this.keys[out.length] : 0;
      step = unzigzag(v) + (how === 3 ? step : 0n);
      out.push(step + (how !== 5 ? out[out.length - 1] : before.has(key) ? before.get(key) : front[0]));
      if (how === 5) before.set(key, out[out.length - 1]);
    }
    return out;
  }
}
const given = (front) => (front.length > 1 ? [front[0], front[0] + front[1]] : [front[0]]);

module.exports = { Body, signed, bitsOf, doubleOf, floatOf, orderOf, printed, newer };
