// Opens a QUIC connection with WebTransport.
import { probes } from './lib/attack.js';

export default probes(({ trapPort }) => ({
  trap: () => new WebTransport(`https://127.0.0.1:${trapPort}/`).ready,
  pinned: () => new WebTransport(`https://127.0.0.1:${trapPort}/`, {
    serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(32) }],
  }).ready,
}));
