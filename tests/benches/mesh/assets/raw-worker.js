// The cheapest thing a tab can do with a message. Its first byte says what: 0 send it back; 1 send as many bytes as the
// number behind it says; 2 count it; 3 say how many were counted.

/** Bytes of one message; see docs/performance.md for why not more. */
const PIECE = 64 * 1024;
/** Bytes that may wait in the channel, and when there is room again. */
const HIGH = 256 * 1024;
const LOW = 64 * 1024;

self.onmessage = ({ data: { channel } }) => {
  channel.binaryType = 'arraybuffer';
  channel.bufferedAmountLowThreshold = LOW;
  const piece = new Uint8Array(PIECE);
  let left = 0;
  let counted = 0;

  const pour = () => {
    while (left > 0 && channel.bufferedAmount < HIGH) {
      const length = Math.min(left, PIECE);
      channel.send(length === PIECE ? piece : piece.subarray(0, length));
      left -= length;
    }
  };
  channel.onbufferedamountlow = pour;
  channel.onmessage = ({ data }) => {
    const view = new DataView(data);
    switch (view.getUint8(0)) {
      case 0:
        channel.send(data);
        return;
      case 1:
        left = view.getUint32(1);
        pour();
        return;
      case 2:
        counted += data.byteLength;
        return;
      default: {
        const answer = new DataView(new ArrayBuffer(8));
        answer.setFloat64(0, counted);
        counted = 0;
        channel.send(answer.buffer);
      }
    }
  };
};
