// The form "What this tab may use". Shows the settings, takes changes from the person, and says what was wrong with one
// right below its field.

import { tells } from './surroundings.js';
import { element } from './view.js';

const SWITCHES = {
  onlyCharging: ['Only while charging', 'charging', 'This browser does not tell whether the machine charges.'],
  notMetered: ['Not on a metered connection', 'metered', 'This browser does not tell what the connection costs.'],
};
const TEXTS = {
  tenants: ['Serve only these tenants', 'Names with commas between. Empty: all.'],
  pool: ['Pool', 'The group of tabs that this one joins.'],
};
const FIXED_NOTE = 'Fixed since you pressed Start.';
const RAISED_NOTE = 'More than usual: until this page closes.';

function make(tag, properties, ...children) {
  const made = document.createElement(tag);
  Object.assign(made, properties);
  made.append(...children);
  return made;
}

/**
 * Fills the form.
 *
 * @param {import('./settings.js').Settings} settings
 * @param {() => void} onChange after each change by the person
 */
export function createControls(settings, onChange) {
  const inputs = new Map();
  const fields = element('fields');
  let started = false;

  const noteOf = (key) => element(`note-${key}`);
  const hint = (key) => {
    if (TEXTS[key] !== undefined) return started ? FIXED_NOTE : TEXTS[key][1];
    if (SWITCHES[key] !== undefined) return '';
    return settings.isRaised(key) ? RAISED_NOTE : settings.range(key);
  };

  function say(key, problem) {
    const note = noteOf(key);
    if (note === null) return;
    note.textContent = problem ?? hint(key);
    note.classList.toggle('wrong', problem !== undefined);
    inputs.get(key).toggleAttribute('aria-invalid', problem !== undefined);
  }

  function show(key) {
    const input = inputs.get(key);
    const value = settings.values[key];
    if (input.type === 'checkbox') input.checked = value && !input.disabled;
    else input.value = Array.isArray(value) ? value.join(', ') : value;
    if (key === 'cpu') element('cpu-shown').textContent = `${value} %`;
  }

  function changed(key, problem) {
    show(key);
    say(key, problem);
    settings.keep(key);
    onChange();
  }

  function field(key, title, input, unit) {
    input.id = `set-${key}`;
    input.name = key;
    input.setAttribute('aria-describedby', `note-${key}`);
    inputs.set(key, input);
    const label = make('label', { htmlFor: input.id }, title);
    const note = make('p', { id: `note-${key}`, className: 'note' });
    note.setAttribute('aria-live', 'polite');
    fields.append(make('div', { className: 'field' }, label, make('span', { className: 'input' }, input, unit), note));
  }

  for (const [key, { title, unit, min, max }] of Object.entries(settings.rules)) {
    const isShare = key === 'cpu';
    const input = make('input', { type: isShare ? 'range' : 'number', min, max, step: isShare ? 5 : 1 });
    const beside = isShare ? make('output', { id: 'cpu-shown' }) : make('span', { className: 'unit' }, unit);
    field(key, title, input, beside);
    input.addEventListener(isShare ? 'input' : 'change', () => changed(key, settings.set(key, input.value)));
  }
  for (const [key, [title]] of Object.entries(TEXTS)) {
    const input = make('input', { type: 'text', autocomplete: 'off', spellcheck: false, maxLength: 2000 });
    input.autocapitalize = 'off';
    if (key === 'tenants') input.placeholder = 'all';
    field(key, title, input, '');
    input.addEventListener('change', () => changed(key, settings.set(key, input.value)));
  }
  for (const [key, [title, told, untold]] of Object.entries(SWITCHES)) {
    const input = make('input', { id: `set-${key}`, name: key, type: 'checkbox', disabled: !tells[told] });
    const row = make('div', { className: 'field switch' }, make('label', { htmlFor: input.id }, input, ` ${title}`));
    inputs.set(key, input);
    if (input.disabled) {
      settings.setSwitch(key, false);
      row.append(make('p', { id: `note-${key}`, className: 'note' }, untold));
      input.setAttribute('aria-describedby', `note-${key}`);
    }
    fields.append(row);
    input.addEventListener('change', () => {
      settings.setSwitch(key, input.checked);
      changed(key);
    });
  }
  for (const key of inputs.keys()) {
    show(key);
    if (!(key in SWITCHES)) say(key, settings.problems.get(key));
  }
  if (settings.problems.size > 0) element('controls').open = true;

  // Enter applies the field it is pressed in; there is nothing to send.
  element('fields').addEventListener('submit', (event) => event.preventDefault());
  element('reset').onclick = () => {
    settings.reset(started ? Object.keys(TEXTS) : []);
    for (const key of inputs.keys()) {
      show(key);
      if (!(key in SWITCHES)) say(key);
    }
    onChange();
  };

  return {
    /** From now on a gateway knows the pool and the tenants. */
    start() {
      started = true;
      for (const key of Object.keys(TEXTS)) {
        inputs.get(key).disabled = true;
        say(key);
      }
    },
  };
}
