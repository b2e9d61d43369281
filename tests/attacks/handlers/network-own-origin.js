// Fetches from the server that the isolate itself came from: scripts, and paths whose names carry data out.
import { probes } from './lib/attack.js';

const exportsOf = (namespace) => {
  if (Reflect.ownKeys(namespace).length === 1) throw new Error('it was here already, and exports nothing');
  return Reflect.ownKeys(namespace);
};

export default probes(({ sandbox, isolateScript, gateway, isolateHash }) => ({
  // The script that runs already is no request; it must just export nothing.
  isolateScript: async () => exportsOf(await import(isolateScript)),
  isolateScriptAgain: () => import(`${isolateScript}?secret=1`),
  frameScript: () => import(`${sandbox}/_mesh/isolate/${isolateHash}/frame.js?secret=1`),
  pageScript: () => import(`${gateway}/_mesh/isolate/${isolateHash}/isolate.js?secret=1`),
  data: () => import(`${sandbox}/secret`),
  json: () => import(`${sandbox}/_mesh/v1/handlers`, { with: { type: 'json' } }),
  relative: () => import('/_mesh/worker'),
  importScripts: () => importScripts(`${sandbox}/secret`),
  wasm: async () => WebAssembly.compileStreaming(await fetch(`${sandbox}/secret`)),
}));
