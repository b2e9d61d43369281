// A gateway that was upgraded serves other files than those that this page runs. Then what it still wants to load is
// gone, and it should load itself anew instead of failing: once what runs has finished.

import { reloadWithConsent } from './consent.js';

/** Looks at the gateway's page are this far apart at least, in ms: many failures in a row are one reason to look. */
const LOOK_EVERY = 10_000;
/** A page that was renewed does not renew itself again before, in ms: two gateways of different age behind one
 * address must not make it load for ever. */
const RENEW_EVERY = 60_000;
const RENEWED = 'tabmesh.renewed';
/** How long running requests may hold up the new version, in ms. */
const DRAIN_LIMIT = 30_000;

/** What tells versions apart: the hash of the isolate's files and that of the page's own. */
function versionOf(html) {
  const isolate = /\bdata-isolate="([0-9a-f]+)"/.exec(html)?.[1];
  const assets = /\/_mesh\/assets\/([0-9a-f]+)\//.exec(html)?.[1];
  return isolate === undefined || assets === undefined ? undefined : `${isolate} ${assets}`;
}

const own = versionOf(`data-isolate="${document.documentElement.dataset.isolate}" ${import.meta.url}`);
let looked = -Infinity;

/** Whether the gateway serves another version now; false when it cannot be told, or was asked just before. */
async function isOutdated() {
  if (own === undefined || performance.now() - looked < LOOK_EVERY) return false;
  looked = performance.now();
  try {
    const response = await fetch(location.pathname, { cache: 'no-store' });
    const now = response.ok ? versionOf(await response.text()) : undefined;
    return now !== undefined && now !== own;
  } catch {
    return false;
  }
}

/** Whether this page may load itself anew; noted, so that the next answer is no for a while. */
function mayRenew() {
  try {
    const at = Number(sessionStorage.getItem(RENEWED) ?? 0);
    if (Math.abs(Date.now() - at) < RENEW_EVERY) return false;
    sessionStorage.setItem(RENEWED, String(Date.now()));
    return true;
  } catch {
    // Nothing can be noted, and so nothing would end a loop.
    return false;
  }
}

export class Renewal {
  #drain;
  #cancelled = false;
  #deadline;

  /** @param {() => void} drain ends the taking of requests; the end of it is told by `onState` */
  constructor(drain) {
    this.#drain = drain;
  }

  /** Whether this page is about to load itself anew. */
  get isDue() { return this.#deadline !== undefined; }

  /**
   * To be called after what an upgrade may have caused.
   *
   * @param {string} state in which the tab is
   */
  async check(state) {
    if (this.isDue || this.#cancelled || !await isOutdated() || this.isDue || this.#cancelled || !mayRenew()) return;
    this.#deadline = setTimeout(reloadWithConsent, DRAIN_LIMIT);
    this.#drain();
    this.onState(state);
  }

  /** The tab's state changed. */
  onState(state) {
    if (this.isDue && (state === 'error' || state === 'paused')) reloadWithConsent();
  }

  /** The person paused, which a new page would forget; or no longer. */
  setPaused(paused) {
    this.#cancelled = paused;
    clearTimeout(this.#deadline);
    this.#deadline = undefined;
  }
}
