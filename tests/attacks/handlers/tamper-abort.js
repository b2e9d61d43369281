// Uses the request's signal against the runtime: listeners that throw, loop, or abort again; a patched AbortSignal.
import { attack, pause } from './lib/attack.js';

export default attack(async (request) => {
  AbortSignal.prototype.dispatchEvent = () => { throw new Error('patched'); };
  AbortController.prototype.abort = () => { throw new Error('patched'); };
  for (let i = 0; i < 100; i++) request.signal.addEventListener('abort', () => { throw new Error(`listener ${i}`); });
  request.signal.onabort = () => { request.signal.dispatchEvent(new Event('abort')); };
  await pause(2000);
  return new Response('too late');
});
