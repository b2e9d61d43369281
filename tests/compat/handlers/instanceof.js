// What is an instance of what.
import { probe } from './lib/probe.js';
export default {
  fetch: (request) => probe({
    request: () => request instanceof Request,
    response: () => new Response() instanceof Response,
    json: () => Response.json(1) instanceof Response,
    clone: () => new Response().clone() instanceof Response,
    headers: () => request.headers instanceof Headers,
    body: () => new Response('x').body instanceof ReadableStream,
    url: () => new URL(request.url) instanceof URL,
    abort: () => request.signal instanceof AbortSignal,
    promise: () => new Response('x').text() instanceof Promise,
    bytes: async () => (await new Response('x').arrayBuffer()) instanceof ArrayBuffer,
    error: async () => new Response('{').json().catch((e) => e instanceof SyntaxError),
    domException: () => AbortSignal.abort().reason instanceof DOMException,
    file: async () => (await new Response(new URLSearchParams('a=b')).formData()) instanceof FormData,
    key: async () => (await crypto.subtle.generateKey({ name: 'AES-GCM', length: 128 }, true, ['encrypt'])) instanceof CryptoKey,
  }),
};
