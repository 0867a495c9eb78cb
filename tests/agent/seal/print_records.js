#!/usr/bin/env node
// Prints what the JavaScript decoder reads as `pinaflux decode` does: print_records.js FILE [DICTIONARY]
'use strict';
const fs = require('fs'), path = require('path');
const { read } = require(path.join(__dirname, '../../../agent/seal/decoders/javascript/decode.js'));

// The shorter of both ways to write the shortest digits.
function number(v) {
  if (!Number.isFinite(v)) return `"${v}"`;
  if (v === 0) return Object.is(v, -0) ? '-0' : '0';
  const [mantissa, exponent] = Math.abs(v).toExponential().split('e');
  const power = Number(exponent), digits = mantissa.replace('.', '');
  const sign = power < 0 ? '-' : '+', size = String(Math.abs(power)).padStart(2, '0');
  const scientific = `${mantissa}e${sign}${size}`;
  let fixed = `0.${'0'.repeat(Math.max(0, -power - 1))}${digits}`;
  if (power >= 0) fixed = `${digits.slice(0, power + 1)}.${digits.slice(power + 1)}`;
  if (power >= digits.length - 1) fixed = `${BigInt(Math.abs(v))}`;
  return (v < 0 ? '-' : '') + (fixed.length <= scientific.length ? fixed : scientific);
}

// A byte that is no UTF-8 becomes U+FFFD.
function quoted(bytes) {
  let text = '';
  for (let i = 0; i < bytes.length;) {
    const valid = (n) => i + n <= bytes.length && !bytes.subarray(i, i + n).toString().includes('\ufffd');
    let size = [1, 2, 3, 4].find(valid) || 0;
    if (bytes.subarray(i, i + 3).equals(Buffer.from('\ufffd'))) size = 3;
    text += size > 0 ? bytes.subarray(i, i + size).toString() : '\ufffd';
    i += size || 1;
  }
  const escaped = (all, c) => ({ b: '\\u0008', f: '\\u000c' })[c] || all;
  return JSON.stringify(text).replace(/\\(.)/g, escaped).replace(/\x7f/g, '\\u007f');
}

function value(v) {
  if (typeof v === 'number') return number(v);
  if (Buffer.isBuffer(v)) return `"${v.toString('hex')}"`;
  return v && v.text ? quoted(v.text) : `${v}`;
}

function moment(ns) {
  const second = (ns - ((ns % 1000000000n) + 1000000000n) % 1000000000n) / 1000000000n;
  const part = String(ns - second * 1000000000n).padStart(9, '0');
  return `"${new Date(Number(second) * 1000).toISOString().slice(0, 19)}.${part}Z"`;
}

function print(file, ...dictionary) {
  const { header, records } = read(fs.readFileSync(file), ...dictionary.flatMap((name) => ['-D', name]));
  const epoch = Buffer.from(header.e, 'base64url').toString('hex');
  for (const { seq, stream, boot, ns, fields } of records) {
    const pairs = [['"_stream"', quoted(stream)], ['"_gateway"', `"${header.g}"`], ['"_epoch"', `"${epoch}"`],
      ['"_lane"', `"${header.l}"`], ['"_seq"', seq]];
    pairs.push(...(boot === 0n ? [['"_time"', moment(ns)]] : [['"_since_boot_ns"', ns], ['"_boot"', boot]]));
    for (const [name, v] of fields) {
      const own = name[0] === 95 ? Buffer.concat([Buffer.from('_'), name]) : name;
      pairs.push([quoted(own), value(v)]);
    }
    process.stdout.write(`{${pairs.map(([k, v]) => `${k}:${v}`).join(',')}}\n`);
  }
}

print(...process.argv.slice(2));
