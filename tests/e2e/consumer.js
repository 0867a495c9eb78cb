// Reads JSON from a broker as anybody would (npm's mqtt), and writes what it read: one JSON text a line, with its topic.
//
//   node consumer.js PORT FILTER FILE
const fs = require('fs');
const zlib = require('zlib');
const mqtt = require('mqtt');
const [port, filter, file] = process.argv.slice(2);
const out = fs.openSync(file, 'a');
const client = mqtt.connect({
  host: '127.0.0.1', port: Number(port), protocolVersion: 5, clientId: 'consumer', clean: false,
  reconnectPeriod: 100, properties: { sessionExpiryInterval: 3600 },
});
client.on('connect', () => client.subscribe(filter, { qos: 1 }, () => fs.writeSync(out, '{"subscribed":true}\n')));
client.on('message', (topic, payload, packet) => {
  const type = packet.properties && packet.properties.contentType;
  const said = (packet.properties && packet.properties.userProperties) || {};
  const text = (said['content-encoding'] === 'gzip' ? zlib.gunzipSync(payload) : payload).toString('utf8');
  const records = type === 'application/x-ndjson' ? text.split('\n').filter(Boolean).map((line) => JSON.parse(line))
    : [JSON.parse(text)].flat();
  fs.writeSync(out, records.map((record) => JSON.stringify({ topic, record }) + '\n').join(''));
});
