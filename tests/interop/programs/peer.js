// The Node peer of the interop tests; see README.md for what it reads and writes.
'use strict';
const crypto = require('crypto');
const fs = require('fs');
const readline = require('readline');
const tls = require('tls');

const DEADLINE = 30000;
const GROUPS = { secp256r1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521', x25519: 'X25519', x448: 'X448' };
const NAMES = { prime256v1: 'secp256r1', X25519: 'x25519', X448: 'x448' }; // OpenSSL's for IANA's
const servers = new Map();
const sessions = new Map(); // name -> the newest session of the connections that resume one another

const list = (value) => (value ? value.split(',') : []);
const digest = (data) => crypto.createHash('sha256').update(data).digest('hex');

function reply(id, fields) {
  const text = Object.entries(fields)
    .filter(([, value]) => value !== undefined && value !== null && value !== false)
    .map(([name, value]) => `${name}=${String(value).replace(/[\t\n]/g, ' ')}`);
  process.stdout.write([`id=${id}`, ...text].join('\t') + '\n');
}

function pattern(length) {
  const data = Buffer.allocUnsafe(length);
  for (let index = 0; index < length; index++) data[index] = index % 251;
  return data;
}

// What only the versions before TLS 1.3 have. The options' numbers are those of OpenSSL's ssl.h.
function olderOptions(command) {
  const key = { psk: Buffer.from(command.psk || '', 'hex'), identity: command.psk_identity };
  const result = { ciphers: command.ciphers, secureOptions: 0, dhparam: 'auto' };
  if (command.extended_master_secret === 'off') result.secureOptions |= 1;
  if (command.encrypt_then_mac === 'off') result.secureOptions |= 0x80000;
  if (command.psk && command.do === 'connect') {
    result.pskCallback = () => key;
    result.checkServerIdentity = (name, certificate) => (certificate.raw ? tls.checkServerIdentity(name, certificate) : undefined);
  }
  if (command.psk && command.do === 'serve') result.pskCallback = (_, identity) => (identity === key.identity ? key.psk : null);
  if (command.psk_hint) result.pskIdentityHint = command.psk_hint;
  if (command.anonymous) result.rejectUnauthorized = false;
  return result;
}

function options(command) {
  const versions = list(command.versions).map((version) => (version === '1.0' ? 'TLSv1' : `TLSv${version}`));
  const result = { minVersion: versions[0], maxVersion: versions[versions.length - 1], ca: fs.readFileSync(command.trust) };
  if (command.certificate) {
    result.cert = fs.readFileSync(command.certificate);
    result.key = fs.readFileSync(command.key);
  }
  if (command.alpn) result.ALPNProtocols = list(command.alpn);
  // OpenSSL 3.2 and later count CCM_8, with its short tag, as below security level 1.
  if (command.ciphers) Object.assign(result, olderOptions(command));
  else if (command.suites) result.ciphers = list(command.suites).join(':') + ':DEFAULT:@SECLEVEL=0';
  if (command.groups) result.ecdhCurve = list(command.groups).map((name) => GROUPS[name] || name).join(':');
  if (command.tickets === 'off') result.secureOptions = (result.secureOptions || 0) | crypto.constants.SSL_OP_NO_TICKET;
  if (command.schemes) result.sigalgs = list(command.schemes).join(':');
  return result;
}

function facts(socket, command) {
  const peer = socket.getPeerCertificate();
  const key = socket.getEphemeralKeyInfo();
  return {
    version: socket.getProtocol(),
    suite: socket.getCipher().standardName,
    group: key && key.name && (NAMES[key.name] || key.name),
    alpn: socket.alpnProtocol || undefined,
    server_name: socket.servername || undefined,
    peer_leaf: peer && peer.raw ? digest(peer.raw) : undefined,
    resumed: String(socket.isSessionReused()),
    exported: command.export_label
      ? socket.exportKeyingMaterial(Number(command.export_length), command.export_label).toString('hex') : undefined,
  };
}

// Collects what the peer sends and hands out what is asked for; Node gives no blocking read.
class Inbox {
  constructor(socket) {
    this.chunks = [];
    this.length = 0;
    this.ended = false;
    this.failure = null;
    socket.setNoDelay(true);
    this.wake = () => {};
    socket.on('data', (chunk) => { this.chunks.push(chunk); this.length += chunk.length; this.wake(); });
    socket.on('end', () => { this.ended = true; this.wake(); });
    socket.on('close', () => { this.ended = true; this.wake(); });
    socket.on('error', (error) => { this.failure = error; this.wake(); });
    socket.setTimeout(DEADLINE, () => { this.failure = new Error('timed out'); this.wake(); });
  }

  async until(ready) {
    while (!ready()) {
      if (this.failure) throw this.failure;
      if (this.ended) throw new Error('the peer ended too early');
      await new Promise((resolve) => { this.wake = resolve; });
    }
  }

  async take(length) {
    await this.until(() => this.length >= length);
    const all = Buffer.concat(this.chunks);
    this.chunks = [all.subarray(length)];
    this.length -= length;
    return all.subarray(0, length);
  }

  async line() {
    await this.until(() => this.chunks.some((chunk) => chunk.includes(10)));
    const end = Buffer.concat(this.chunks).indexOf(10);
    return (await this.take(end + 1)).toString().trim();
  }

  async end() {
    while (!this.ended) {
      if (this.failure) throw this.failure;
      await new Promise((resolve) => { this.wake = resolve; });
    }
    if (this.length) throw new Error(`${this.length} octets after the end`);
  }
}

async function finish(socket, inbox, weCloseFirst) {
  if (weCloseFirst) socket.end();
  await inbox.end();
  if (!weCloseFirst) await new Promise((resolve) => socket.end(resolve));
}

async function serveOne(socket, command) {
  let told = {};
  try {
    const inbox = new Inbox(socket);
    told = facts(socket, command);
    const [upload, download, first] = (await inbox.line()).split(' ');
    const data = await inbox.take(Number(upload));
    socket.write(digest(data) + '\n');
    socket.write(pattern(Number(download)));
    await finish(socket, inbox, first === 'server');
    return { ...told, received: upload, digest: digest(data) };
  } catch (error) {
    socket.destroy();
    return { ...told, error: error.message };
  }
}

function serve(id, command) {
  const settings = { ...options(command), allowHalfOpen: true };
  if (command.client_authentication !== 'none') {
    settings.requestCert = true;
    settings.rejectUnauthorized = command.client_authentication === 'require';
  }
  const running = { outcomes: [], waiting: [] };
  const done = (outcome) => {
    const id = running.waiting.shift();
    if (id === undefined) running.outcomes.push(outcome); else reply(id, outcome);
  };
  running.server = tls.createServer(settings, (socket) => { serveOne(socket, command).then(done); });
  if (command.tickets === 'off') { // Node has no cache of its own
    const kept = new Map();
    running.server.on('newSession', (id, session, stored) => { kept.set(id.toString('hex'), session); stored(); });
    running.server.on('resumeSession', (id, found) => found(null, kept.get(id.toString('hex')) || null));
  }
  running.server.on('tlsClientError', (error) => done({ error: error.message }));
  running.server.listen(0, '127.0.0.1', () => {
    const port = String(running.server.address().port);
    servers.set(port, running);
    reply(id, { port });
  });
}

async function connectOne(command) {
  const settings = {
    ...options(command), host: '127.0.0.1', port: Number(command.port), servername: command.server_name, allowHalfOpen: true,
  };
  if (sessions.has(command.session)) settings.session = sessions.get(command.session);
  const socket = tls.connect(settings);
  if (command.session) socket.on('session', (session) => sessions.set(command.session, session));
  const inbox = new Inbox(socket);
  let told = {};
  try {
    await new Promise((resolve, reject) => { socket.once('secureConnect', resolve); socket.once('error', reject); });
    told = facts(socket, command);
    const sent = pattern(Number(command.upload));
    socket.write(`${command.upload} ${command.download} ${command.first}\n`);
    socket.write(sent);
    if (await inbox.line() !== digest(sent)) throw new Error('the server received other data than was sent');
    const data = await inbox.take(Number(command.download));
    await finish(socket, inbox, command.first === 'client');
    return { ...told, received: data.length, digest: digest(data) };
  } catch (error) {
    socket.destroy();
    return { ...told, error: error.message };
  }
}

function outcome(id, port) {
  const running = servers.get(port);
  if (running.outcomes.length) reply(id, running.outcomes.shift()); else running.waiting.push(id);
}

async function obey(command) {
  switch (command.do) {
    case 'serve': return serve(command.id, command);
    case 'outcome': return outcome(command.id, command.port);
    case 'connect': return reply(command.id, await connectOne(command));
    case 'stop':
      servers.get(command.port).server.close();
      servers.delete(command.port);
      return reply(command.id, {});
    default: throw new Error(`unknown command ${command.do}`);
  }
}

reply(0, { version: process.version, openssl: process.versions.openssl });
const lines = readline.createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const command = Object.fromEntries(line.split('\t').map((field) => {
    const at = field.indexOf('=');
    return [field.slice(0, at), field.slice(at + 1)];
  }));
  obey(command).catch((error) => reply(command.id, { error: error.message }));
});
lines.on('close', () => process.exit(0));
