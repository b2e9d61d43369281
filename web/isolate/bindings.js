// `env`: what a version's bindings are to its handler. Values stand in the bundle; what must be called is an object whose
// methods call the gateway.

import { createD1Database } from './d1.js';
import { createKvNamespace } from './kv.js';
import { NativeTypeError } from './intrinsics.js';

/**
 * @param {{type: string, name: string}[]} bindings of the bundle
 * @param {(binding: string) => (method: string, url: string, headers?: object, body?: any) => Promise<Response>} caller
 */
export function createEnv(bindings, caller) {
  const env = {};
  for (const binding of bindings) env[binding.name] = valueOf(binding, caller(binding.name));
  return env;
}

function valueOf(binding, call) {
  switch (binding.type) {
    case 'plain_text': return binding.text;
    case 'json': return binding.json;
    case 'secret_text': return binding.placeholder ?? '';
    case 'd1': return createD1Database(call);
    case 'kv_namespace': return createKvNamespace(call);
    default: throw new NativeTypeError(`the binding ${binding.name} is of the unknown kind '${binding.type}'`);
  }
}
