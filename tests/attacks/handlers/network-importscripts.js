// Fetches a script with importScripts(), from the trap, from data and from a blob.
import { probes } from './lib/attack.js';

export default probes(({ trap }) => ({
  http: () => importScripts(trap),
  data: () => importScripts('data:text/javascript,globalThis.evil=1'),
  blob: () => importScripts(URL.createObjectURL(new Blob(['globalThis.evil = 1']))),
  prototype: () => WorkerGlobalScope.prototype.importScripts.call(globalThis, trap),
}));
