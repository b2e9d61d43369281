// How long this isolate keeps its thread busy, as far as it can see: from the beginning of a turn that we know of (a
// message, a timer) until nothing has followed in it for a while. What escapes this, the runtime's pings notice.

import { microtask, now } from './intrinsics.js';

/** Microtasks without a word after which a turn counts as over. */
const PATIENCE = 32;
/** Busy time that is said although there is nothing else to say, in ms: who has no request reports nothing else. */
const MUCH = 50;

/** A clock that stands still between turns. */
export function createClock() {
  let since = -1;
  let spent = 0;
  let patience = 0;
  let tell = () => {};

  const wait = () => {
    if (since < 0) return;
    if (patience-- > 0) microtask(wait);
    else settle();
  };

  /** Ends the turn: what comes is a new one. */
  const settle = () => {
    if (since < 0) return;
    spent += now() - since;
    since = -1;
    if (spent >= MUCH) tell();
  };

  return {
    /** Whom to tell when a turn ends and much has come together. */
    onMuch(callback) { tell = callback; },
    /** A turn begins, unless one is under way. */
    begin() {
      if (since >= 0) return;
      since = now();
      patience = PATIENCE;
      microtask(wait);
    },
    /** The turn goes on. */
    keep() { patience = PATIENCE; },
    /** Milliseconds so far that nobody has taken yet. */
    read() {
      if (since >= 0) {
        const at = now();
        spent += at - since;
        since = at;
      }
      return spent;
    },
    /** Takes the milliseconds. */
    reset() { spent = 0; },
    /** Work that was done on another thread. */
    add(milliseconds) { spent += milliseconds; },
  };
}
