// Compression streams whose output is counted, and that take their input in small pieces: one piece of a compressed
// bomb would otherwise unfold within one turn, into the stream's queue and out of everybody's sight.

import {
  NativeResponse, NativeStream, NativeTypeError, bytesOf, construct, copyBytes, define, defineGlobal, getter, lengthOf,
  min, uncurry,
} from './intrinsics.js';
import { countedStream } from './byte-streams.js';

/** Input per step, in bytes. Deflate unfolds it to 4 MiB at most. */
const PIECE = 4 * 1024;

const NativeCompression = CompressionStream;
const pipeThrough = uncurry(ReadableStream.prototype.pipeThrough);
const bodyOf = getter(Response.prototype, 'body');
const NativeWritable = WritableStream;
const getWriter = uncurry(WritableStream.prototype.getWriter);
const { write, close, abort } = WritableStreamDefaultWriter.prototype;
const writeTo = uncurry(write);
const closeWriter = uncurry(close);
const abortWriter = uncurry(abort);
const readyOf = getter(WritableStreamDefaultWriter.prototype, 'ready');

function guardPair(name, pieces) {
  const Native = globalThis[name];
  if (Native === undefined) return;
  const readableOf = getter(Native.prototype, 'readable');
  const writableOf = getter(Native.prototype, 'writable');
  const { [name]: Guarded } = {
    [name]: class {
      #readable;
      #writable;
      constructor(...args) {
        const native = construct(Native, args);
        this.#readable = countedStream(readableOf(native));
        this.#writable = pieces ? inPieces(writableOf(native)) : writableOf(native);
      }
      get readable() { return this.#readable; }
      get writable() { return this.#writable; }
      get [Symbol.toStringTag]() { return name; }
    },
  };
  if ('encoding' in Native.prototype) define(Guarded.prototype, 'encoding', 'utf-8');
  defineGlobal(name, Guarded);
}

/** A writable stream that hands on bytes in pieces, each when the one before is through. */
function inPieces(writable) {
  const writer = getWriter(writable);
  return new NativeWritable({
    __proto__: null,
    async write(chunk) {
      const bytes = bytesOf(chunk);
      if (bytes === null) throw new NativeTypeError('The chunk is not an ArrayBuffer or a view of one.');
      for (let at = 0; at < lengthOf(bytes); at += PIECE) {
        const piece = copyBytes(bytes, at, min(at + PIECE, lengthOf(bytes)));
        await readyOf(writer);
        await writeTo(writer, piece);
      }
    },
    close: () => closeWriter(writer),
    abort: (reason) => abortWriter(writer, reason),
  });
}

/** A body (a string, bytes or a stream of bytes) as a stream of it compressed. */
export const gzip = (content) => pipeThrough(
  content instanceof NativeStream ? content : bodyOf(new NativeResponse(content)),
  new NativeCompression('gzip'),
);

/** Puts the guarded classes in place. */
export function guardCompression() {
  guardPair('CompressionStream', false);
  guardPair('DecompressionStream', true);
  guardPair('TextEncoderStream', false);
}
