// What goes out to the runtime: the messages of one turn, posted as one array.
//
// The runtime pays for every message, whoever wrote it, so whatever a handler can make many of is joined or counted
// here: crumbs of a body, read receipts, console lines.

import { LINE_COST } from './allowance.js';
import { bytesOfText, clip } from './console.js';
import {
  Bytes, bareArray, bufferOf, copyBytes, lengthOf, microtask, ownMap, setBytes, sizeOfBuffer, transferList,
} from './intrinsics.js';
import { drop } from './memory.js';
import { OUT } from './serve.js';

/** Console text of one turn, in characters and in lines; more is counted and dropped, so a log loop fills nothing. */
const LOG_PER_TURN = 256 * 1024;
const LINES_PER_TURN = 1000;
/** How far a batch may grow in its turn, in messages, calls and body bytes, and how many quiet microtasks end it. */
const MAX_BATCH = 64;
const MAX_SENDS = 1024;
const MAX_BATCH_BYTES = 128 * 1024;
const PATIENCE = 8;
/** Below this a copy is cheaper than a transfer, in bytes. The runtime gets a buffer of its own either way. */
const MIN_TRANSFER = 16 * 1024;
/** Chunks below this, in bytes, are joined with those after them, to pieces of at most `MAX_JOINED`. */
const MAX_CRUMB = 4 * 1024;
const MAX_JOINED = 64 * 1024;

/** A CHUNK that still takes crumbs: `used` bytes of `bytes`. */
class Heap {
  message;
  bytes;
  used;
  constructor(message, bytes, used) {
    this.message = message;
    this.bytes = bytes;
    this.used = used;
  }
}

/**
 * @param {(messages: Array, transfer: ?object) => void} post
 * @param {() => ?Array} lastWord a message to close a batch with
 * @param {() => void} keep told that the turn goes on
 */
export function createOutbox(post, lastWord, keep) {
  let batch = bareArray();
  let transfers = null;
  /** Chunks of this batch that take crumbs, by request, or by call below 0. */
  let heaps = null;
  let room = LOG_PER_TURN;
  let lines = LINES_PER_TURN;
  let dropped = 0;
  let bytes = 0;
  let sends = 0;
  let scheduled = false;
  let seen = 0;
  let patience = PATIENCE;

  /** Sees to it that a batch is posted. In a microtask: a turn's messages travel together, none waits for a timer. */
  const schedule = () => {
    if (scheduled) return;
    scheduled = true;
    microtask(flush);
  };

  const closeHeap = ({ message, bytes: pile, used }) => {
    // The pile has room to spare, and posting a view posts its whole buffer.
    message[2] = copyBytes(pile, 0, used);
  };

  /** Posts what there is, now. */
  const postBatch = () => {
    if (dropped > 0) {
      batch[batch.length] = [OUT.LOG, 0, 'warn', `${dropped} console lines were dropped: too many at once`];
    }
    if (heaps !== null) heaps.forEach(closeHeap);
    const word = lastWord();
    if (word !== null) batch[batch.length] = word;
    const messages = batch;
    const list = transfers;
    batch = bareArray();
    transfers = null;
    heaps = null;
    room = LOG_PER_TURN;
    lines = LINES_PER_TURN;
    dropped = 0;
    bytes = 0;
    sends = 0;
    seen = 0;
    patience = PATIENCE;
    if (messages.length > 0) post(messages, list);
  };

  /** Posts when nothing more seems to come in this turn. */
  const flush = () => {
    // A stream of small chunks takes a few microtasks for each: while more keeps coming, let it ride along.
    const isFull = batch.length >= MAX_BATCH || bytes >= MAX_BATCH_BYTES || sends >= MAX_SENDS;
    if (!isFull && (sends > seen || patience-- > 0)) {
      if (sends > seen) patience = PATIENCE;
      seen = sends;
      keep();
      microtask(flush);
      return;
    }
    scheduled = false;
    postBatch();
  };

  /** Adds a crumb to the chunk before it. Says whether there was room. */
  const join = (id, crumb, size) => {
    const heap = heaps?.get(id);
    if (heap === undefined || heap.used + size > MAX_JOINED) return false;
    const need = heap.used + size;
    if (need > lengthOf(heap.bytes)) {
      const larger = new Bytes(need * 2);
      setBytes(larger, heap.bytes, 0);
      heap.bytes = larger;
    }
    setBytes(heap.bytes, crumb, heap.used);
    heap.used = need;
    return true;
  };

  const sendChunk = (message) => {
    // Requests and calls are numbered apart.
    const id = message[0] === OUT.CHUNK ? message[1] : -message[1];
    const piece = message[2];
    const size = lengthOf(piece);
    bytes += size;
    if (join(id, piece, size)) return;
    // What comes now must stand behind it.
    const heap = heaps?.get(id);
    if (heap !== undefined) {
      closeHeap(heap);
      heaps.delete(id);
    }
    batch[batch.length] = message;
    if (size < MAX_CRUMB) {
      heaps ??= ownMap();
      heaps.set(id, new Heap(message, piece, size));
    } else if (size >= MIN_TRANSFER && size === sizeOfBuffer(bufferOf(piece))) {
      const buffer = bufferOf(piece);
      transfers ??= transferList();
      transfers[transfers.length] = buffer;
      drop(buffer);
    }
  };

  const send = (message) => {
    sends++;
    schedule();
    const kind = message[0];
    if (kind === OUT.CHUNK || kind === OUT.CALL_CHUNK) {
      sendChunk(message);
      return;
    }
    const { length } = batch;
    const last = length > 0 ? batch[length - 1] : null;
    const isReceipt = kind === OUT.CONSUMED || kind === OUT.CALL_CONSUMED;
    if (isReceipt && last !== null && last[0] === kind && last[1] === message[1]) {
      last[2] += message[2];
      return;
    }
    batch[length] = message;
  };

  /** A console line. Gives the bytes that it takes, also if it is dropped. */
  const log = (id, level, text) => {
    const cut = clip(text);
    const cost = bytesOfText(cut) + LINE_COST;
    if (cut.length > room || lines === 0) {
      dropped++;
      schedule();
      return cost;
    }
    room -= cut.length;
    lines--;
    send([OUT.LOG, id, level, cut]);
    return cost;
  };

  return { send, log, schedule, postBatch };
}
