// node:stream, as Node.js's own team publishes it for other places.

import stream from 'readable-stream';

export default stream;
export const {
  Readable, Writable, Duplex, Transform, PassThrough, Stream, addAbortSignal, compose, destroy, finished, isDisturbed,
  isErrored, isReadable, pipeline, promises,
} = stream;
