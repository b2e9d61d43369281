// `tee()` for byte streams, as the Streams standard has it, but for reads into views: those are served from the queue. The
// browser's own keeps what only one branch has read where nobody counts it.
//
// How bytes enter a branch is given by the caller.

import {
  NativePromise, NativeStream, cancelReader, closedOf, copyBytes, getReader, getter, readReader, then, uncurry,
} from './intrinsics.js';

const close = uncurry(ReadableByteStreamController.prototype.close);
const fail = uncurry(ReadableByteStreamController.prototype.error);
const byobRequest = getter(ReadableByteStreamController.prototype, 'byobRequest');
const respond = uncurry(ReadableStreamBYOBRequest.prototype.respond);

const ignore = () => {};

/** One of two readers of the same bytes. */
class Branch {
  controller = null;
  isCanceled = false;
  reason = undefined;
}

/** Closes a byte stream, also under a read into a view. */
export function closeBytes(controller) {
  close(controller);
  const byob = byobRequest(controller);
  if (byob !== null) respond(byob, 0);
}

/**
 * Two streams of the bytes of `source`, which is locked by it.
 *
 * @param {(controller: object, bytes: Uint8Array) => void} feed enqueues
 */
export function tee(source, feed) {
  const reader = getReader(source);
  const left = new Branch();
  const right = new Branch();
  let isReading = false;
  let isWantedAgain = false;
  let settleCancel;
  const canceled = new NativePromise((done) => { settleCancel = done; });

  const finish = ({ controller, isCanceled }) => {
    if (!isCanceled) closeBytes(controller);
  };
  const take = ({ done, value }) => {
    if (done) {
      finish(left);
      finish(right);
      settleCancel();
      return;
    }
    // Copied first: the other branch takes its memory away.
    const copy = left.isCanceled || right.isCanceled ? value : copyBytes(value);
    if (!left.isCanceled) feed(left.controller, value);
    if (!right.isCanceled) feed(right.controller, copy);
    isReading = false;
    if (isWantedAgain) pull();
  };
  const pull = () => {
    isWantedAgain = isReading;
    if (isReading) return;
    isReading = true;
    // Errors come by `closed`.
    then(then(readReader(reader), take), ignore, ignore);
  };
  const createBranch = (branch, other) => new NativeStream({
    __proto__: null,
    type: 'bytes',
    start(controller) { branch.controller = controller; },
    pull,
    cancel(reason) {
      branch.isCanceled = true;
      branch.reason = reason;
      if (other.isCanceled) settleCancel(cancelReader(reader, [left.reason, right.reason]));
      return canceled;
    },
  }, { __proto__: null, highWaterMark: 0 });
  const branches = [createBranch(left, right), createBranch(right, left)];
  then(closedOf(reader), ignore, (error) => {
    fail(left.controller, error);
    fail(right.controller, error);
    settleCancel();
  });
  return branches;
}
