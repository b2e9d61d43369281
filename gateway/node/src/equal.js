import assert from 'assert-npm';

/** As assert.deepStrictEqual judges. */
export function isDeepStrictEqual(a, b) {
  try {
    assert.deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
}
