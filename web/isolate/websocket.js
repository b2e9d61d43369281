// WebSocketPair and its ends, as Workers have them: what one end sends, the other gets as an event. An end that is
// returned in a Response is coupled to the caller: then its messages travel as frames in the two bodies of that request.
//
// Nothing here touches the port; who couples an end gives it a line to send on. A frame is a kind, a length in four
// bytes and a payload (gateway/src/invoke/websocket/frames.rs has the other side).

import {
  Bytes, NativeError, NativeTypeError, bareArray, bufferOf, bytesOf, copyBytes, decode, define, encode, isBytes, joinBytes,
  lengthOf, microtask, setBytes, uncurry,
} from './intrinsics.js';
import { countTyped, drop, guard } from './memory.js';

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const HEADER = 5;

/** Largest message, in bytes; the gateway's too. */
export const MAX_MESSAGE = 4 * 1024 * 1024;
/** Bytes that may wait for a caller who reads slowly. */
const MAX_QUEUED = 16 * 1024 * 1024;
/** Messages that may wait for accept(). */
const MAX_EARLY = 1024;

const NativeMessageEvent = MessageEvent;
const NativeCloseEvent = CloseEvent;
const dispatch = uncurry(EventTarget.prototype.dispatchEvent);

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

let coupleEnd;
let receiveOn;
let failEnd;
let isFree;
let link;

/** Whether this is an end that can be returned in a Response. Throws where it cannot be any more. */
export const checkSocket = (socket) => {
  if (!isFree(socket)) {
    throw new NativeTypeError('Can\'t return WebSocket in a Response after calling accept(), or twice.');
  }
};

export class WebSocket extends EventTarget {
  static CONNECTING = CONNECTING;
  static OPEN = OPEN;
  static CLOSING = CLOSING;
  static CLOSED = CLOSED;
  static READY_STATE_CONNECTING = CONNECTING;
  static READY_STATE_OPEN = OPEN;
  static READY_STATE_CLOSING = CLOSING;
  static READY_STATE_CLOSED = CLOSED;

  #peer = null;
  #line = null;
  #accepted = false;
  #state = OPEN;
  /** Events that came before accept(). */
  #early = bareArray();
  #handlers = { __proto__: null };
  binaryType = 'arraybuffer';

  constructor(token) {
    super();
    if (token !== PAIR) throw new NativeError('outbound WebSockets are not available: a handler can only answer them');
  }

  get readyState() { return this.#state; }
  get url() { return null; }
  get protocol() { return ''; }
  get extensions() { return ''; }

  /** Events come from now on. */
  accept() {
    if (this.#line !== null) throw new NativeTypeError('Can\'t accept() WebSocket that was already returned in a Response.');
    if (this.#accepted) return;
    this.#accepted = true;
    const early = this.#early;
    this.#early = bareArray();
    for (let i = 0; i < early.length; i++) this.#emit(early[i]);
  }

  send(data) {
    if (!this.#accepted) {
      throw new NativeTypeError('You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.');
    }
    if (this.#state !== OPEN) throw new NativeTypeError('Can\'t call WebSocket send() after close().');
    const bytes = typeof data === 'string' ? null : bytesOf(data);
    const message = bytes === null ? `${data}` : bytes;
    if (typeof message === 'string' ? message.length > MAX_MESSAGE : lengthOf(message) > MAX_MESSAGE) {
      throw new NativeTypeError(`a WebSocket message has at most ${MAX_MESSAGE} bytes`);
    }
    this.#peer.#take(message);
  }

  close(code = undefined, reason = undefined) {
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999)) {
      throw new NativeTypeError('Invalid WebSocket close code: ' + code + '.');
    }
    if (!this.#accepted) {
      throw new NativeTypeError('You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.');
    }
    if (this.#state >= CLOSING) return;
    const text = reason === undefined ? '' : `${reason}`;
    if (encode(text).length > 123) throw new NativeTypeError('a WebSocket close reason has at most 123 bytes');
    this.#state = CLOSING;
    this.#peer.#takeClose(code ?? 1005, text);
    this.#finish(code ?? 1005, text, true);
  }

  serializeAttachment() { throw new NativeError('WebSocket attachments need Durable Objects, which are not available'); }
  deserializeAttachment() { throw new NativeError('WebSocket attachments need Durable Objects, which are not available'); }

  /** A message from the other end. */
  #take(message) {
    if (this.#state === CLOSED) return;
    if (this.#line !== null) {
      this.#line.message(message);
      return;
    }
    let data = message;
    if (typeof message !== 'string') {
      guard(lengthOf(message));
      data = bufferOf(countTyped(copyBytes(message)));
    }
    this.#tell(() => new NativeMessageEvent('message', { __proto__: null, data }));
  }

  #takeClose(code, reason) {
    if (this.#state === CLOSED) return;
    if (this.#line !== null) {
      this.#line.close(code, reason);
      this.#state = CLOSED;
      return;
    }
    this.#finish(code, reason, true);
  }

  /** Nothing follows. */
  #finish(code, reason, wasClean) {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#tell(() => new NativeCloseEvent('close', { __proto__: null, code, reason, wasClean }));
  }

  #tell(event) {
    if (this.#accepted) {
      // Not from inside of send(): the sender's turn goes on first.
      microtask(() => this.#emit(event));
    } else if (this.#early.length < MAX_EARLY) {
      this.#early[this.#early.length] = event;
    }
  }

  #emit(event) {
    dispatch(this, event());
  }

  static {
    link = (one, other) => {
      one.#peer = other;
      other.#peer = one;
    };
    isFree = (socket) => typeof socket === 'object' && socket !== null && #peer in socket
      && !socket.#accepted && socket.#line === null;
    coupleEnd = (socket, line) => {
      socket.#line = line;
      const early = socket.#early;
      socket.#early = bareArray();
      // Said before the end was returned: events hold what was said.
      for (let i = 0; i < early.length; i++) {
        const event = early[i]();
        if (event.type === 'message') {
          line.message(typeof event.data === 'string' ? event.data : new Bytes(event.data));
        } else {
          line.close(event.code, event.reason);
        }
      }
    };
    receiveOn = (socket, kind, payload, code) => {
      const peer = socket.#peer;
      if (kind === CLOSE) {
        socket.#state = CLOSED;
        peer.#takeClose(code, payload);
      } else {
        peer.#take(payload);
      }
    };
    failEnd = (socket) => {
      socket.#state = CLOSED;
      socket.#peer.#finish(1006, '', false);
    };
    for (const type of ['open', 'message', 'close', 'error']) {
      Object.defineProperty(WebSocket.prototype, `on${type}`, {
        get() { return this.#handlers[type] ?? null; },
        set(handler) {
          if (this.#handlers[type] !== undefined) this.removeEventListener(type, this.#handlers[type]);
          this.#handlers[type] = typeof handler === 'function' ? handler : undefined;
          if (this.#handlers[type] !== undefined) this.addEventListener(type, handler);
        },
        configurable: true,
      });
    }
  }
}

const PAIR = Symbol('pair');

/** Two ends. */
export class WebSocketPair {
  constructor() {
    this[0] = new WebSocket(PAIR);
    this[1] = new WebSocket(PAIR);
    link(this[0], this[1]);
  }
}

define(WebSocketPair.prototype, Symbol.iterator, function* ends() {
  yield this[0];
  yield this[1];
});

/** A frame's bytes. */
function frame(kind, payload) {
  const size = lengthOf(payload);
  guard(size);
  const bytes = new Bytes(HEADER + size);
  bytes[0] = kind;
  for (let i = 0; i < 4; i++) bytes[1 + i] = (size >>> (24 - 8 * i)) & 0xff;
  setBytes(bytes, payload, HEADER);
  return countTyped(bytes);
}

function closeFrame(code, reason) {
  const text = encode(reason);
  const payload = new Bytes(code === 1005 ? 0 : 2 + lengthOf(text));
  if (code !== 1005) {
    payload[0] = code >>> 8;
    payload[1] = code & 0xff;
    setBytes(payload, text, 2);
  }
  return frame(CLOSE, payload);
}

/**
 * Couples an end to a caller.
 *
 * @param {WebSocket} socket
 * @param {(bytes: Uint8Array) => Promise<boolean>} send sends owned bytes, in order; false once nobody takes them
 * @param {() => void} done told once, when nothing more will be sent
 * @returns {{receive: (bytes: Uint8Array) => void, lost: () => void}} for what comes from the caller
 */
export function couple(socket, send, done) {
  let queue = bareArray();
  let next = 0;
  let queued = 0;
  let sending = false;
  let ended = false;
  let over = false;

  const finish = () => {
    if (over) return;
    over = true;
    done();
  };

  const pump = async () => {
    sending = true;
    while (next < queue.length) {
      const bytes = queue[next];
      queue[next++] = undefined;
      const size = lengthOf(bytes);
      const sent = await send(bytes);
      queued -= size;
      if (!sent) {
        over = true;
        break;
      }
    }
    queue = bareArray();
    next = 0;
    sending = false;
    if (ended) finish();
  };

  const enqueue = (bytes) => {
    if (over || ended) {
      drop(bufferOf(bytes));
      return;
    }
    queued += lengthOf(bytes);
    queue[queue.length] = bytes;
    if (!sending) pump();
  };

  coupleEnd(socket, {
    __proto__: null,
    message(message) {
      const isText = typeof message === 'string';
      const payload = isText ? encode(message) : message;
      if (queued + lengthOf(payload) > MAX_QUEUED) {
        throw new NativeError('the other end of the WebSocket reads too slowly: 16 MiB wait for it');
      }
      enqueue(frame(isText ? TEXT : BINARY, payload));
    },
    close(code, reason) {
      enqueue(closeFrame(code, reason));
      ended = true;
      if (!sending) finish();
    },
  });

  let rest = new Bytes(0);
  const parse = () => {
    for (;;) {
      if (lengthOf(rest) < HEADER) return;
      const size = rest[1] * 0x1000000 + rest[2] * 0x10000 + rest[3] * 0x100 + rest[4];
      if (size > MAX_MESSAGE || lengthOf(rest) < HEADER + size) return;
      const kind = rest[0];
      const payload = copyBytes(rest, HEADER, HEADER + size);
      rest = copyBytes(rest, HEADER + size, lengthOf(rest));
      if (kind === CLOSE) {
        const code = size >= 2 ? payload[0] * 256 + payload[1] : 1005;
        receiveOn(socket, CLOSE, size > 2 ? decode(copyBytes(payload, 2, size)) : '', code);
        ended = true;
        if (!sending) finish();
      } else {
        receiveOn(socket, kind, kind === TEXT ? decode(payload) : payload, 0);
      }
    }
  };

  return {
    receive(bytes) {
      if (over || ended || !isBytes(bytes)) return;
      rest = lengthOf(rest) === 0 ? bytes : joinBytes([rest, bytes], lengthOf(rest) + lengthOf(bytes));
      parse();
    },
    lost() {
      if (!ended) failEnd(socket);
      ended = true;
      over = true;
    },
  };
}
