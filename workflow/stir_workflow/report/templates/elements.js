// Elements are made with texts only: nothing of a report is ever read as HTML.
const element = (tag, attributes, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ''));
  return made;
};
const byId = (id) => document.getElementById(id);
const read = (script) => JSON.parse(script.textContent);
const isNumber = (value) => typeof value === 'number';
const number = (value, digits = 3) => (isNumber(value) ? value.toFixed(digits).replace('-', '−') : '–');
const percent = (value) => (isNumber(value) ? `${(100 * value).toFixed(1)}%` : '–');
const interval = (low, high, digits = 3) => (isNumber(low) && isNumber(high) ? `${number(low, digits)} to ${number(high, digits)}` : '–');

// A table whose first column names its rows; columns are [heading, is it a number].
const plainTable = (caption, columns, rows) => {
  const kind = (place) => (columns[place][1] ? 'n' : null);
  const heads = columns.map(([text], place) => element('th', {scope: 'col', class: kind(place)}, text));
  const lines = rows.map((row) => element('tr', null, row.map((text, place) =>
    place === 0 ? element('th', {scope: 'row'}, text) : element('td', {class: kind(place)}, text))));
  const table = element('table', {class: 'plain'}, element('caption', null, caption),
    element('thead', null, element('tr', null, heads)), element('tbody', null, lines));
  return element('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption}, table);
};
// A long table is not printed with the figure.
const LONG = 40;
const folded = (title, content) => element('details', {class: content.querySelectorAll('tr').length > LONG ? null : 'printed'}, element('summary', null, title), content);
const fillSelect = (select, options, chosen) => {
  select.replaceChildren(...options.map(([value, text]) => element('option', {value, selected: value === chosen}, text)));
  select.value = chosen;
};

// Work on what is not in view waits until it is, or until the page is printed.
const waiting = new Map();
const doNow = (node) => {
  const work = waiting.get(node);
  waiting.delete(node);
  if (work) work();
};
const observer = new IntersectionObserver((entries) => {
  for (const entry of entries) if (entry.isIntersecting) doNow(entry.target);
}, {rootMargin: '200px'});
const whenSeen = (node, work) => {
  waiting.set(node, work);
  observer.unobserve(node);
  observer.observe(node);
};
