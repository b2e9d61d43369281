// `KVNamespace` as Workers have it, over calls to the gateway.
//
// Nothing here is on the way of requests that use no KV. The class is the handler's to patch; what is private stays so.

import { NativeError, NativeTypeError, isBytes, bytesOf, parseJson, toJson, NativeStream } from './intrinsics.js';

const { isArray } = Array;
const VALUES = { __proto__: null, text: true, json: true, arrayBuffer: true, stream: true };

/** What a caller asked for, in its two spellings: `get(key, 'json')`, `get(key, { type: 'json' })`. */
function typeOf(options) {
  const type = (typeof options === 'string' ? options : options?.type) ?? 'text';
  if (VALUES[type] !== true) {
    throw new NativeTypeError(`Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".`);
  }
  return type;
}

async function shape(response, type) {
  switch (type) {
    case 'json': return parseJson(await response.text());
    case 'arrayBuffer': return response.arrayBuffer();
    case 'stream': return response.body ?? new NativeStream({ start: (controller) => controller.close() });
    default: return response.text();
  }
}

const metadataOf = (response) => {
  const text = response.headers.get('kv-metadata');
  return text === null ? null : parseJson(decodeURIComponent(text));
};

const query = (fields) => {
  const params = new URLSearchParams();
  for (const name of Object.keys(fields)) {
    if (fields[name] !== undefined && fields[name] !== null) params.set(name, `${fields[name]}`);
  }
  return params.toString();
};

/**
 * @param {(method: string, url: string, headers?: object, body?: any) => Promise<Response>} call
 */
export function createKvNamespace(call) {
  const failed = async (response) => {
    throw new NativeError(await response.text());
  };

  const find = async (key, type) => {
    const response = await call('GET', `http://kv/value?${query({ key })}`);
    if (response.status === 404) {
      await response.text();
      return { __proto__: null, value: null, metadata: null };
    }
    if (!response.ok) return failed(response);
    const metadata = metadataOf(response);
    return { __proto__: null, value: await shape(response, type), metadata };
  };

  const findAll = async (keys, type, withMetadata) => {
    if (type !== 'text' && type !== 'json') {
      throw new NativeError(`KV GET_BULK failed: 400 "${type}" is not a valid type. Use "json" or "text"`);
    }
    const list = [];
    for (let i = 0; i < keys.length; i++) list[i] = `${keys[i]}`;
    const headers = { 'content-type': 'application/json' };
    const response = await call('POST', 'http://kv/values', headers, toJson({ keys: list }));
    if (!response.ok) return failed(response);
    const found = parseJson(await response.text());
    const map = new Map();
    for (let i = 0; i < list.length; i++) {
      const entry = found[list[i]];
      const value = entry === null ? null : (type === 'json' ? parseJson(entry.value) : entry.value);
      map.set(list[i], withMetadata ? { value, metadata: entry?.metadata ?? null } : value);
    }
    return map;
  };

  class KvNamespace {
    async get(key, options) {
      const type = typeOf(options);
      if (isArray(key)) return findAll(key, type, false);
      return (await find(`${key}`, type)).value;
    }

    async getWithMetadata(key, options) {
      const type = typeOf(options);
      if (isArray(key)) return findAll(key, type, true);
      const { value, metadata } = await find(`${key}`, type);
      return { value, metadata, cacheStatus: null };
    }

    async put(key, value, options) {
      const headers = {};
      if (options?.expiration !== undefined && options.expiration !== null) {
        headers['kv-expiration'] = `${options.expiration}`;
      }
      if (options?.expirationTtl !== undefined && options.expirationTtl !== null) {
        headers['kv-expiration-ttl'] = `${options.expirationTtl}`;
      }
      if (options?.metadata !== undefined && options.metadata !== null) {
        headers['kv-metadata'] = encodeURIComponent(toJson(options.metadata));
      }
      const isBody = typeof value === 'string' || value instanceof NativeStream || bytesOf(value) !== null || isBytes(value);
      if (!isBody) throw new NativeTypeError('KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values.');
      const response = await call('PUT', `http://kv/value?${query({ key: `${key}` })}`, headers, value);
      if (!response.ok) return failed(response);
      return undefined;
    }

    async delete(key) {
      if (isArray(key)) {
        for (let i = 0; i < key.length; i++) await this.delete(key[i]);
        return;
      }
      const response = await call('DELETE', `http://kv/value?${query({ key: `${key}` })}`);
      if (!response.ok) await failed(response);
    }

    async list(options) {
      const { prefix, limit, cursor } = options ?? {};
      const response = await call('GET', `http://kv/keys?${query({ prefix, limit, cursor })}`);
      if (!response.ok) return failed(response);
      return { ...parseJson(await response.text()), cacheStatus: null };
    }
  }
  return new KvNamespace();
}
