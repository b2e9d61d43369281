// When this page may begin. Opened by a person it waits for a press of Start: no link may make a tab work.
//
// Browsers that a program drives (headless tabs, tests) say so by `navigator.webdriver`, which no page or link can
// set; there `?autostart=1` counts. A page that loads itself anew keeps the consent that it had, once and at once.
// (Another page of this origin could leave the same note; but it could run anything in this browser itself.)

const NOTE = 'tabmesh.consent';
/** The time from the note to the page that reads it, at most, in ms. */
const NOTE_LIFE = 30_000;

/** @param {URLSearchParams} query of this page */
export function mayStartAlone(query) {
  const kept = takeNote();
  return kept || (query.get('autostart') === '1' && navigator.webdriver === true);
}

/** Loads this page anew, with the consent that it has. */
export function reloadWithConsent() {
  try {
    sessionStorage.setItem(NOTE, String(Date.now()));
  } catch {
    // Without storage the page asks again.
  }
  location.reload();
}

function takeNote() {
  try {
    const at = Number(sessionStorage.getItem(NOTE) ?? NaN);
    sessionStorage.removeItem(NOTE);
    const age = Date.now() - at;
    const [visit] = performance.getEntriesByType('navigation');
    return age >= 0 && age < NOTE_LIFE && visit?.type === 'reload';
  } catch {
    return false;
  }
}

/**
 * Resolves when the person presses the button. A script's click is nobody's press.
 *
 * @param {HTMLButtonElement} button
 */
export function pressed(button) {
  return new Promise((resolve) => {
    button.addEventListener('click', function onClick(event) {
      if (!event.isTrusted) return;
      button.removeEventListener('click', onClick);
      resolve();
    });
    button.disabled = false;
  });
}
