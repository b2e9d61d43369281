// Answers with headers that belong to the connection and to the gateway: smuggling, forged ids, false lengths.
import { attack } from './lib/attack.js';

export default attack(() => new Response('HTTP/1.1 200 OK\r\nx-smuggled: 1\r\n\r\n', {
  headers: {
    'transfer-encoding': 'chunked', connection: 'x-evil, close', 'keep-alive': 'timeout=9999', upgrade: 'websocket',
    'x-evil': '1', te: 'trailers', trailer: 'x-evil', 'content-length': '3', 'x-request-id': 'forged',
  },
}));
