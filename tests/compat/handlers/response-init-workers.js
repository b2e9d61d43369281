// What Workers add to Response's options.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    cf: () => new Response('x', { cf: { a: 1 } }).cf,
    noCf: () => new Response('x').cf,
    cloneCf: () => new Response('x', { cf: { a: 1 } }).clone().cf,
    encodeAuto: () => new Response('x', { encodeBody: 'automatic' }).status,
    encodeManual: () => new Response('x', { encodeBody: 'manual' }).status,
    encodeWrong: () => new Response('x', { encodeBody: 'wrong' }).status,
    webSocket: () => new Response('x').webSocket,
    webSocketNull: () => new Response('x', { webSocket: null }).webSocket,
    hasWebSocket: () => 'webSocket' in new Response('x'),
    hasCf: () => 'cf' in new Response('x'),
  }),
};
