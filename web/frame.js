// One tenant's frame: a hidden iframe in which isolates live.
//
// Carries ports into the frame. It believes the frame nothing but "ready", "pong" and "lost", and only from that
// frame's own window and origin.

/**
 * Browsers tell nobody of a frame that crashed. But the document in it holds an empty frame of its own, and the count
 * of those, which any page may read, falls to zero as soon as the browser has noticed (35 ms). It is read every so
 * many ms.
 */
const LOOK_EVERY = 100;
/** Besides, the frame is asked whether it lives: every so many ms, and so many silences end it. */
const PING_EVERY = 500;
const MAX_SILENCES = 4;
/**
 * A timer of ours that is late by more, in ms, says that this thread or the machine is busy, and then silence says
 * nothing about the frame. Timers of a hidden page come once a second.
 */
const MAX_LATE = 250;
const HIDDEN_EVERY = 1000;
/** After its document loaded, a frame that works speaks within this time, in ms. One that was refused never does. */
const SPEAKS_WITHIN = 1000;
/** Isolates that may wait for one frame. The runtime asks for a handful. */
const MAX_WAITING = 256;

const CAUSES = new Set(['memory', 'error']);

export class Frame {
  /** @type {import('./sandbox.js').Sandbox} */
  sandbox;
  #element = document.createElement('iframe');
  #tell;
  #ready = false;
  /** Ports of isolates that wait for the frame. */
  #waiting = new Map();
  #isolates = new Set();
  #deadline;
  #looker;
  #pinger;
  /** Whether the frame inside the frame was seen. */
  #marked = false;
  #silences = 0;
  #ticked = 0;

  /**
   * @param {import('./sandbox.js').Sandbox} sandbox
   * @param {number} patience ms until the frame must have loaded
   * @param {{ready: () => void, lost: (isolate: number, reason: string, cause: string) => void,
   *   failed: () => void, crashed: () => void}} tell `failed` and `crashed` end it: the caller must remove it
   */
  constructor(sandbox, patience, tell) {
    this.sandbox = sandbox;
    this.#tell = tell;
    this.#element.hidden = true;
    this.#element.title = 'Sandbox';
    this.#element.setAttribute('sandbox', sandbox.allow);
    this.#element.setAttribute('allow', '');
    this.#element.src = sandbox.src;
    // A document that could not be had loads as the browser's error page.
    this.#element.onload = () => this.#failAfter(SPEAKS_WITHIN);
    addEventListener('message', this.#onMessage);
    this.#failAfter(patience);
    document.body.append(this.#element);
  }

  #failAfter(time) {
    if (this.#ready) return;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.#tell.failed(), time);
  }

  #onMessage = (event) => {
    if (event.source !== this.#element.contentWindow || event.origin !== this.sandbox.origin) return;
    const { data } = event;
    if (data?.op === 'frame-ready' && !this.#ready) {
      this.#ready = true;
      clearTimeout(this.#deadline);
      this.#ticked = performance.now();
      this.#pinger = setInterval(this.#ping, PING_EVERY);
      this.#looker = setInterval(this.#look, LOOK_EVERY);
      for (const [isolate, port] of this.#waiting) this.#post({ op: 'spawn', isolate }, [port]);
      this.#waiting.clear();
      this.#tell.ready();
    } else if (data?.op === 'pong') {
      this.#silences = 0;
    } else if (data?.op === 'lost' && this.#isolates.delete(data.isolate)) {
      const cause = CAUSES.has(data.cause) ? data.cause : 'error';
      this.#tell.lost(data.isolate, String(data.reason).slice(0, 500), cause);
    }
  };

  #look = () => {
    if (this.#element.contentWindow.length > 0) this.#marked = true;
    else if (this.#marked) this.#tell.crashed();
  };

  #ping = () => {
    const now = performance.now();
    const late = now - this.#ticked - (document.hidden ? HIDDEN_EVERY : PING_EVERY);
    this.#ticked = now;
    if (late <= MAX_LATE && this.#silences++ >= MAX_SILENCES) this.#tell.crashed();
    else this.#post({ op: 'ping' }, []);
  };

  #post(message, transfer) {
    // An opaque origin has no name to post to. The window is our own iframe's, and no handler code runs in it.
    const target = this.sandbox.mode === 'opaque' ? '*' : this.sandbox.origin;
    this.#element.contentWindow.postMessage(message, target, transfer);
  }

  /** Makes an isolate Worker in the frame, once that is ready, and hands it the port. */
  spawn(isolate, port) {
    if (this.#waiting.size >= MAX_WAITING) {
      this.#tell.lost(isolate, 'too many isolates wait for their sandbox', 'error');
      return;
    }
    this.#isolates.add(isolate);
    if (this.#ready) this.#post({ op: 'spawn', isolate }, [port]);
    else this.#waiting.set(isolate, port);
  }

  /** Whether the isolate was here. */
  kill(isolate) {
    if (!this.#isolates.delete(isolate)) return false;
    if (!this.#waiting.delete(isolate)) this.#post({ op: 'kill', isolate }, []);
    return true;
  }

  /**
   * Removes the frame, which ends its Workers.
   *
   * @returns {{isolates: Set<number>, waiting: Map<number, MessagePort>}} all that were in it, and those among them
   *   that had not been made yet
   */
  remove() {
    clearTimeout(this.#deadline);
    clearInterval(this.#looker);
    clearInterval(this.#pinger);
    removeEventListener('message', this.#onMessage);
    this.#element.onload = null;
    this.#element.remove();
    return { isolates: this.#isolates, waiting: this.#waiting };
  }
}
