#!/usr/bin/env node
// Prints the records of envelopes as `pinaflux decode` does: decode.js FILE... Needs Node 16 and the `zstd` tool.
'use strict';
const fs = require('fs'), crypto = require('crypto'), { execFileSync } = require('child_process');
const { Body, signed, bitsOf, doubleOf, floatOf, orderOf, printed, newer } = require('./body.js');

function doubles(body, n) {
  const mode = body.u8();
  if (mode === 0) return body.series(n).map(doubleOf);
  if (mode === 1) return body.series(n).map((v) => floatOf(v >> 31n ? -(v & 0x7fffffffn) : v) * (v === 0x80000000n ? -1 : 1));
  let back;
  if (mode >= 32 && mode <= 54) {
    back = body.series(n).map((m) => Number(signed(m)) / Number(`1e${mode - 32}`));
  } else {
    if (mode !== 2 && mode !== 3) newer(`mode ${mode}`);
    const digits = body.u8(), decimals = body.u8(), step = body.raw(8).readDoubleLE(), first = body.series(n).map(signed);
    if (mode === 3) back = first.map((k) => Number(k) * step);
    else if (step === 0) back = first.map(floatOf);
    else back = body.series(n).map((w, i) => floatOf(orderOf(Math.fround(Number(first[i]) * step)) + signed(w)));
    back = back.map((v) => printed(v, digits, decimals));
  }
  return body.series(n).map((k, i) => doubleOf(bitsOf(back[i]) + k));
}
function texts(body, n) {
  const mode = body.u8();
  if (mode > 1) newer(`texts' mode ${mode}`);
  const entries = body.series(mode === 0 ? n : body.count()).map((size) => body.raw(Number(size)));
  if (mode === 0) return entries;
  const numbers = body.series(n), keys = body.keys || [];
  if (n === body.rows && Math.max(new Set(keys).size, 1) * entries.length <= 65536) body.keys = numbers.map((v, i) => `${keys[i]},${v}`);
  return numbers.map((v) => entries[Number(v)]);
}
function cells(body, kind, n) { // As JSON; undefined: absent.
  if (kind > 9) newer(`kind ${kind}`);
  if (kind < 2) return Array(n).fill(kind === 0 ? undefined : 'null');
  if (kind === 6) return texts(body, n).map(quoted);
  if (kind === 7) return texts(body, n).map((t) => `"${t.toString('hex')}"`);
  if (kind === 5) return doubles(body, n).map(number);
  if (kind === 8) return doubles(body, n).map((v) => (Number.isInteger(v) && Math.abs(v) <= 2 ** 53 && !Object.is(v, -0) ? `${BigInt(v)}` : number(v)));
  if (kind !== 9) return body.series(n).map((v) => (kind === 2 ? `${v === 1n}` : `${kind === 3 ? signed(v) : v}`));
  const kinds = body.series(n).map(Number), columns = {};
  for (const k of [...new Set(kinds)].sort((a, b) => a - b)) columns[k] = cells(body, k, kinds.filter((x) => x === k).length);
  return kinds.map((k) => columns[k].shift());
}
function rows(body) {
  if (body.u8() !== 1) newer("the body's version");
  const n = body.count();
  if (n === 0) return [];
  const tables = body.list(body.count(), () => ({ stream: body.text(), fields: body.list(body.count(), () => body.text()) }));
  const order = tables.length > 1 ? body.series(n).map(Number) : Array(n).fill(0);
  const boots = body.series(n), times = body.series(n).map(signed);
  tables.forEach((table, t) => {
    Object.assign(body, { rows: order.filter((x) => x === t).length, classes: [], keys: null });
    table.columns = table.fields.map(() => (body.classes.push(null), cells(body, body.u8(), body.rows)));
    table.next = 0;
  });
  return order.map((t, i) => {
    const { stream, fields, columns } = tables[t], row = tables[t].next++;
    return { stream, boot: boots[i], time: times[i], pairs: fields.map((f, c) => [f, columns[c][row]]) };
  });
}
function number(v) { // The shorter of both ways to write the shortest digits.
  if (!Number.isFinite(v)) return `"${v}"`;
  if (v === 0) return Object.is(v, -0) ? '-0' : '0';
  const [mantissa, exponent] = Math.abs(v).toExponential().split('e'), power = Number(exponent), digits = mantissa.replace('.', '');
  const scientific = `${mantissa}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  const fixed = power >= digits.length - 1 ? `${BigInt(Math.abs(v))}`
    : power >= 0 ? `${digits.slice(0, power + 1)}.${digits.slice(power + 1)}` : `0.${'0'.repeat(-power - 1)}${digits}`;
  return (v < 0 ? '-' : '') + (fixed.length <= scientific.length ? fixed : scientific);
}
function quoted(bytes) { // A byte that is no UTF-8 becomes U+FFFD.
  let text = '';
  for (let i = 0; i < bytes.length;) {
    let size = [1, 2, 3, 4].find((n) => i + n <= bytes.length && !bytes.subarray(i, i + n).toString().includes('\ufffd')) || 0;
    if (bytes.subarray(i, i + 3).equals(Buffer.from('\ufffd'))) size = 3;
    text += size > 0 ? bytes.subarray(i, i + size).toString() : '\ufffd';
    i += size || 1;
  }
  return JSON.stringify(text).replace(/\\(.)/g, (all, c) => ({ b: '\\u0008', f: '\\u000c' })[c] || all).replace(/\x7f/g, '\\u007f');
}
function moment(ns) {
  const second = (ns - ((ns % 1000000000n) + 1000000000n) % 1000000000n) / 1000000000n;
  const part = String(ns - second * 1000000000n).padStart(9, '0');
  return `"${new Date(Number(second) * 1000).toISOString().slice(0, 19)}.${part}Z"`;
}
function main(path) {
  const file = fs.readFileSync(path), end = file.indexOf(10), line = file.subarray(0, end).toString(), frame = file.subarray(end + 1);
  if (!line.startsWith('pinaflux-env/1 ')) throw new Error(`${path}: no envelope that this decoder knows`);
  const h = Object.fromEntries(line.split(' ').slice(1).map((pair) => pair.split(/=(.*)/s)));
  const hash = crypto.createHash('sha256').update(line.slice(0, line.lastIndexOf(' h='))).update(frame).digest();
  if (hash.subarray(0, 16).toString('base64url') !== h.h) throw new Error(`${path}: the hash does not fit`);
  const every = BigInt(h.n || 1), start = BigInt(h.s.split('-')[0]), first = start + (every - start % every) % every;
  const epoch = Buffer.from(h.e, 'base64url').toString('hex');
  rows(new Body(execFileSync('zstd', ['-dcq'], { input: frame, maxBuffer: 1 << 26 }))).forEach((row, i) => {
    const pairs = [['"_stream"', quoted(row.stream)], ['"_gateway"', `"${h.g}"`], ['"_epoch"', `"${epoch}"`], ['"_lane"', `"${h.l}"`]];
    pairs.push(['"_seq"', first + BigInt(i) * every]);
    if (row.boot === 0n) pairs.push(['"_time"', moment(row.time)]);
    else pairs.push(['"_since_boot_ns"', row.time], ['"_boot"', row.boot]);
    const own = (f) => quoted(f[0] === 95 ? Buffer.concat([Buffer.from('_'), f]) : f);
    for (const [field, value] of row.pairs) if (value !== undefined) pairs.push([own(field), value]);
    process.stdout.write(`{${pairs.map(([k, v]) => `${k}:${v}`).join(',')}}\n`);
  });
}
process.argv.slice(2).forEach(main);
