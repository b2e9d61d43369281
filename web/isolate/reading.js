// Reading a body to its end, in the form that was asked for. Whatever comes of it is counted.
//
// A stream is read here and not by the browser, which would take in one without an end out of everybody's sight.

import { countBlob } from './blobs.js';
import { countValue } from './buffers.js';
import {
  NativeResponse, NativeTypeError, bareArray, bufferOf, decode, getReader, isBytes, joinBytes, lengthOf, parseJson,
  readReader, then, uncurry,
} from './intrinsics.js';
import { countAs, countTyped, drop, guard } from './memory.js';

const readers = {};
for (const kind of ['text', 'arrayBuffer', 'bytes', 'blob', 'formData']) {
  readers[kind] = uncurry(Response.prototype[kind]);
}

/** Counts what a reading method of the browser's gives. */
const counted = (kind, promise) => {
  switch (kind) {
    case 'arrayBuffer': case 'bytes': return then(promise, countValue);
    case 'blob': return then(promise, countBlob);
    default: return promise;
  }
};

/** Reads the browser's own Response. */
export const readHolder = (kind, holder) =>
  // Parsed here, an error is the language's own and names no method of the browser's.
  (kind === 'json' ? then(readers.text(holder), parseJson) : counted(kind, readers[kind](holder)));

/** Bytes that nobody else has, in the form that a reading method gives. */
export const shaped = (kind, bytes, type) => {
  switch (kind) {
    case 'text': return decode(bytes);
    case 'json': return parseJson(decode(bytes));
    case 'bytes': return bytes;
    case 'arrayBuffer': return bufferOf(bytes);
    default: {
      const headers = { __proto__: null };
      if (type !== null) headers['content-type'] = type;
      return readHolder(kind, new NativeResponse(bytes, { __proto__: null, headers }));
    }
  }
};

/** Reads a stream to its end. */
export async function drain(stream, kind, type) {
  const reader = getReader(stream);
  const chunks = bareArray();
  let length = 0;
  for (;;) {
    const { done, value } = await readReader(reader);
    if (done) break;
    if (!isBytes(value)) throw new NativeTypeError('Received non-Uint8Array chunk');
    chunks[chunks.length] = value;
    length += lengthOf(value);
    guard(length);
    countAs(chunks, length, lengthOf(value));
  }
  drop(chunks);
  return shaped(kind, countTyped(joinBytes(chunks, length)), type);
}
