// What the browser tells about the machine: whether it charges, and whether its connection costs by volume. Many
// browsers tell neither; what is not told is null.

/** Whether this browser tells. Looking is no reading: nothing is asked of the machine. */
export const tells = {
  charging: typeof navigator.getBattery === 'function',
  metered: navigator.connection !== undefined,
};

/** A connection is metered if the person saves data or is on a mobile network. */
function metered() {
  const { connection } = navigator;
  return connection === undefined ? null : connection.saveData === true || connection.type === 'cellular';
}

/**
 * Tells now, and again at each change.
 *
 * @param {(surroundings: {charging: boolean|null, metered: boolean|null}) => void} tell
 */
export async function watchSurroundings(tell) {
  let battery = null;
  const report = () => tell({ charging: battery?.charging ?? null, metered: metered() });
  report();
  navigator.connection?.addEventListener?.('change', report);
  if (!tells.charging) return;
  try {
    battery = await navigator.getBattery();
    battery.addEventListener('chargingchange', report);
    report();
  } catch {
    // Forbidden by a policy of the browser: not told.
  }
}
