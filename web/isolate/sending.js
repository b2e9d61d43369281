// A body on its way out, as credit allows: bytes or a stream, in chunks that the transport likes.
//
// Knows no opcodes: `post(piece)` is given.

import { readCounted } from './byte-streams.js';
import {
  NativePromise, NativeTypeError, bufferOf, bytesOf, cancelReader, copyBytes, encode, getReader, lengthOf, min, sizeOfBuffer,
  then,
} from './intrinsics.js';
import { drop } from './memory.js';

/** Largest chunk, in bytes: what the transport likes best in one message. */
export const MAX_CHUNK = 64 * 1024;
/** A body is not cut into smaller pieces than this for lack of credit, in bytes: crumbs breed crumbs. */
const MIN_CUT = 16 * 1024;

const ignore = () => {};

/** Who sends. */
export class Sender {
  /** Bytes that may still be sent. */
  credit = 0;
  /** Most credit ever held. A window may be smaller than MIN_CUT; half of it is then waited for. */
  window = 0;
  /** Wakes it when credit comes or nobody wants the body any more. */
  wake = null;
  reader = null;
  aborted = false;
}

const moreCredit = (sender) => new NativePromise((wake) => { sender.wake = wake; });

/** More bytes may be sent. */
export const addCredit = (sender, bytes) => {
  sender.credit += bytes;
  if (sender.credit > sender.window) sender.window = sender.credit;
  const { wake } = sender;
  sender.wake = null;
  wake?.();
};

/** Nobody wants the body any more: what feeds it is told. */
export const stopSending = (sender, reason) => {
  sender.aborted = true;
  if (sender.reader !== null) then(cancelReader(sender.reader, reason), ignore, ignore);
  sender.wake?.();
};

/** Sends bytes; false when it was stopped meanwhile. `owned`: the buffer may be given away. */
export const sendBytes = async (sender, bytes, owned, post) => {
  const length = lengthOf(bytes);
  for (let at = 0; at < length;) {
    const need = min(length - at, MIN_CUT);
    while (sender.credit < min(need, (sender.window >> 1) || 1) && !sender.aborted) await moreCredit(sender);
    if (sender.aborted) return false;
    const size = min(length - at, min(sender.credit, MAX_CHUNK));
    const whole = owned && size === length && size === sizeOfBuffer(bufferOf(bytes));
    // Throws where a handler shrank or gave away the buffer meanwhile.
    const piece = whole ? bytes : copyBytes(bytes, at, at + size);
    sender.credit -= size;
    post(piece);
    at += size;
  }
  // Nobody else has them, and they are sent.
  if (owned) drop(bufferOf(bytes));
  return true;
};

/** The same for a stream. Throws what the stream fails with. */
export const sendStream = async (sender, stream, post) => {
  const reader = getReader(stream);
  sender.reader = reader;
  for (;;) {
    // Nothing is read before it may be sent, so that a slow reader slows the handler and not our memory.
    while (sender.credit <= 0 && !sender.aborted) await moreCredit(sender);
    if (sender.aborted) return false;
    // Counted: out of a byte stream it is nobody's, and it may wait long.
    const { done, value } = await readCounted(reader);
    if (sender.aborted) return false;
    if (done) return true;
    const bytes = typeof value === 'string' ? encode(value) : bytesOf(value);
    if (bytes === null) {
      const error = new NativeTypeError(`a body stream must give bytes or strings, not ${typeof value}`);
      then(cancelReader(reader, error), ignore, ignore);
      throw error;
    }
    // The handler may hold on to its chunk, so it is copied.
    if (!(await sendBytes(sender, bytes, false, post))) return false;
  }
};
