// One document on its way through HTMLRewriter: what its handlers are, what came of it so far, what it waits for.

import { bareArray } from './intrinsics.js';

/**
 * One document on its way. The parser's stack is its own, because it may be suspended on it while others run: the stack
 * pointer is a variable of the module, which everybody who enters or leaves that stack sets.
 */
export class Job {
  address = 0;
  stack = 0;
  /** Handlers by their number: {callback, self}. */
  handlers = bareArray();
  /** Content that is written when its place in the output comes: {body: stream or bytes, html}. */
  contents = bareArray();
  output = bareArray();
  size = 0;
  /** The first error; `isOver` says whether there is one, for anything can be thrown. */
  error = undefined;
  isOver = false;
  /** While suspended: what is waited for, what ends it early, where the stack is. */
  pending = null;
  wake = null;
  pointer = 0;
  /** Where the stack pointer was when this document's stack was entered. */
  outer = 0;

  /**
   * @param {number} id
   * @param {(kind: number, job: Job, address: number) => object} lend makes a token
   * @param {(token: object) => void} end takes it back
   * @param {() => Promise<void>} drained hands on the output, and waits until more is wanted
   */
  constructor(id, lend, end, drained) {
    this.id = id;
    this.lend = lend;
    this.end = end;
    this.drained = drained;
  }

  fail(error) {
    if (this.isOver) return;
    this.isOver = true;
    this.error = error;
    // A handler that is waited for is not waited for any more.
    if (this.wake !== null) this.wake();
  }
}
