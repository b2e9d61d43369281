// Opens a WebSocket to the trap, to the gateway's signalling, and as a stream.
import { opened, probes } from './lib/attack.js';

export default probes(({ trapPort, gateway }) => ({
  trap: () => opened(WebSocket, `ws://127.0.0.1:${trapPort}/`),
  signal: () => opened(WebSocket, `${gateway.replace('http', 'ws')}/_mesh/signal`),
  stream: () => new WebSocketStream(`ws://127.0.0.1:${trapPort}/`).opened,
}));
