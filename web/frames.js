// The tenants' frames: one hidden iframe per tenant, on an origin of its own, in which isolates live.
//
// This page only carries ports into frames. It believes a frame nothing but "ready", "pong" and "lost", and only from
// that frame's own window and origin.

/** How long a frame may take to load, in ms. A cold one takes 40-200 ms; a busy machine may need seconds. */
const FRAME_DEADLINE = 10_000;
/** A crashed frame looks like a quiet one, so it is asked: every so many ms, and given up after so many silences. */
const PING_EVERY = 1000;
const MAX_SILENCES = 4;
/** Isolates that may wait for one frame. The runtime asks for a handful. */
const MAX_WAITING = 256;

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * The origin where a tenant's code runs.
 *
 * @param {string} tenant `[a-z0-9-]+`
 * @param {Location|URL} location of this page
 * @returns {string|null} null where the page's address has no room for subdomains
 */
export function sandboxOrigin(tenant, location) {
  if (!/^[a-z0-9-]{1,50}$/.test(tenant)) return null;
  const port = location.port === '' ? '' : `:${location.port}`;
  if (LOOPBACK.has(location.hostname)) return `${location.protocol}//sandbox-${tenant}.localhost${port}`;
  if (/^[\d.]+$/.test(location.hostname) || location.hostname.startsWith('[')) return null;
  return `${location.protocol}//sandbox-${tenant}.${location.hostname}${port}`;
}

class Frame {
  #element = document.createElement('iframe');
  #origin;
  #onLost;
  #onGone;
  #ready = false;
  #waiting = new Map();
  #isolates = new Set();
  #deadline;
  #pinger;
  #silences = 0;

  /** `onGone(reason)`: the frame itself failed; everything in it is lost. */
  constructor(origin, hash, onLost, onGone) {
    this.#origin = origin;
    this.#onLost = onLost;
    this.#onGone = onGone;
    this.#element.hidden = true;
    this.#element.title = 'Sandbox';
    this.#element.setAttribute('sandbox', 'allow-scripts allow-same-origin');
    this.#element.setAttribute('allow', '');
    this.#element.src = `${origin}/_mesh/isolate/${hash}/frame.html`;
    addEventListener('message', this.#onMessage);
    this.#deadline = setTimeout(() => this.#onGone('the sandbox frame did not load'), FRAME_DEADLINE);
    document.body.append(this.#element);
  }

  #onMessage = (event) => {
    if (event.source !== this.#element.contentWindow || event.origin !== this.#origin) return;
    if (event.data?.op === 'frame-ready' && !this.#ready) {
      this.#ready = true;
      clearTimeout(this.#deadline);
      this.#pinger = setInterval(this.#ping, PING_EVERY);
      for (const [isolate, port] of this.#waiting) this.#post({ op: 'spawn', isolate }, [port]);
      this.#waiting.clear();
    } else if (event.data?.op === 'pong') {
      this.#silences = 0;
    } else if (event.data?.op === 'lost' && this.#isolates.delete(event.data.isolate)) {
      this.#onLost(event.data.isolate, String(event.data.reason).slice(0, 500));
    }
  };

  #ping = () => {
    if (this.#silences++ >= MAX_SILENCES) this.#onGone('the sandbox process ended');
    else this.#post({ op: 'ping' }, []);
  };

  #post(message, transfer) {
    this.#element.contentWindow.postMessage(message, this.#origin, transfer);
  }

  spawn(isolate, port) {
    if (this.#waiting.size >= MAX_WAITING) {
      this.#onLost(isolate, 'too many isolates wait for their sandbox');
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

  /** Removes the frame, which ends its Workers; gives the isolates that were in it. */
  remove() {
    clearTimeout(this.#deadline);
    clearInterval(this.#pinger);
    removeEventListener('message', this.#onMessage);
    this.#element.remove();
    return this.#isolates;
  }
}

/**
 * @param {{hash: string, onLost: (isolate: number, reason: string) => void}} options
 *   `hash` of the isolate's assets; `onLost` is told of isolates that ended by themselves, never of killed ones
 */
export function createFrames({ hash, onLost }) {
  const frames = new Map();

  const frameOf = (tenant, origin) => {
    let frame = frames.get(tenant);
    if (frame === undefined) {
      const gone = (reason) => {
        frames.delete(tenant);
        for (const isolate of frame.remove()) onLost(isolate, reason);
      };
      frame = new Frame(origin, hash, onLost, gone);
      frames.set(tenant, frame);
    }
    return frame;
  };

  return {
    /** Makes an isolate Worker in the tenant's frame and hands it the port. */
    spawn(isolate, tenant, port) {
      const origin = sandboxOrigin(tenant, location);
      if (origin === null) {
        onLost(isolate, `no sandbox origin for '${tenant}' at ${location.host}: open this page by a domain name`);
        return;
      }
      frameOf(tenant, origin).spawn(isolate, port);
    },
    kill(isolate) {
      for (const frame of frames.values()) if (frame.kill(isolate)) return;
    },
    dispose(tenant) {
      frames.get(tenant)?.remove();
      frames.delete(tenant);
    },
  };
}
