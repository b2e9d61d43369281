// Which stores hold for the code at work: one frame at a time, an immutable Map from an AsyncLocalStorage to its store.
// No browser has a hook for it, so whoever resumes code sets the frame (async-context.js, and what deploying writes
// around every `await`).

let current;
let willLeave = false;
const queue = queueMicrotask;

const leave = () => {
  willLeave = false;
  current = undefined;
};

export const frame = () => current;

/** Runs a function in a frame. */
export function within(frame, run, self, args) {
  const before = current;
  current = frame;
  try {
    return Reflect.apply(run, self, args);
  } finally {
    current = before;
  }
}

/** From here to the end of this turn; what runs after it, and that nobody tracks, must see no store at all. */
export function enter(frame) {
  current = frame;
  if (frame === undefined || willLeave) return;
  willLeave = true;
  queue(leave);
}

/** A function that always runs in the frame of now. */
export function bound(run) {
  const frame = current;
  return function (...args) {
    return within(frame, run, this, args);
  };
}
