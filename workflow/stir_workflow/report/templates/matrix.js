const PANELS = [['stir', 'STIR', 's'], ['similarity', 'plain similarity', 's'], ['stir_excess', 'excess over noise', 'e']];
const LEAST_WITH_DIGITS = 30;
const LEAST_WITH_NAMES = 10;
const LARGEST_CELL = 52;
const GAP = 28;
const ASIDE = 322;
const HINT = 'Point at a cell, or move to it with Tab and the arrow keys: its interval, controls and inversions are shown here. Enter or a click opens the pair.';

const classOf = (value, [low, high], prefix) => {
  const step = Math.round((data.steps - 1) * (value - low) / (high - low));
  return prefix + Math.max(0, Math.min(data.steps - 1, step));
};

// The size of cells at which all matrices fit, beside each other where there is room.
const layout = (rows, columns, panels) => {
  const all = byId('tools').clientWidth;
  const longest = Math.max(...[...rows, ...columns].map((place) => names[state.kind][place].length), 4);
  const label = Math.min(7.2 * longest + 14, all < 700 ? 120 : 190);
  const fitting = (across, width) => Math.floor((width - label - GAP * (across - 1)) / (across * columns.length));
  const aside = all >= 860 && fitting(panels, all - ASIDE) >= LEAST_WITH_DIGITS;  // room for the details beside them
  const width = aside ? all - ASIDE : all;
  const across = width >= 500 && all >= 860 && fitting(panels, width) >= 3 ? panels : 1;
  const cell = state.cell ?? Math.max(3, Math.min(LARGEST_CELL, fitting(across, width)));
  return {across, aside, cell, label: cell >= LEAST_WITH_NAMES ? label : 12, longest};
};

const headCell = (name, scope, cell) => element('th', {scope, title: cell < LEAST_WITH_DIGITS ? name : null}, element('span', null, name));

const bodyCell = (block, panel, reference, target, digits) => {
  const [column, , prefix] = panel;
  const made = document.createElement('td');
  const row = rowOf(block, reference, target);
  const value = block.data.columns[column][row];
  const {levels, codes} = block.data.columns.flags;
  const text = row < 0 ? '' : number(value, 2) + marks(levels[codes[row]], column);
  if (digits) made.textContent = text;
  else made.setAttribute('aria-label', text);
  const same = reference === target && block.kind === 'models';
  made.className = !isNumber(value) ? 'none' : same ? 'same' : classOf(value, block.data.ends[column], prefix);
  return made;
};

const matrix = (block, panel, rows, columns, place) => {
  const {cell} = place;
  const head = element('thead', null, element('tr', null, element('td', {class: 'corner'}),
    columns.map((target) => headCell(names[block.kind][target], 'col', cell))));
  const lines = rows.map((reference) => {
    const line = element('tr', null, headCell(names[block.kind][reference], 'row', cell));
    for (const target of columns) line.append(bodyCell(block, panel, reference, target, cell >= LEAST_WITH_DIGITS));
    return line;
  });
  const table = element('table', {role: 'grid', class: 'matrix', 'aria-label': `${panel[1]}: reference models in rows, target models in columns`},
    head, element('tbody', null, lines));
  table.style.setProperty('width', `calc(var(--label) + ${columns.length * cell}px)`);
  table.querySelector('tbody td')?.setAttribute('tabindex', 0);
  const [low, high] = block.data.ends[panel[0]];
  const scale = element('span', {class: 'scale', 'aria-hidden': 'true'}, number(low, 1), element('span', {class: `bar scale-${panel[2]}`}), number(high, 1));
  return element('figure', {class: 'panel'}, element('figcaption', null, element('h3', null, panel[1]), scale), element('div', {class: 'scroll'}, table));
};

// Until a cell is pointed at, the first of two different models is shown, where it hides nothing.
const inspectFirst = (block, rows, columns, aside) => {
  const cell = cellOf(block, rows[0], columns.find((column) => column !== rows[0]) ?? columns[0]);
  if (!cell || !aside) return;
  inspect(cell);
  byId('inspector').append(element('p', {class: 'muted hint'}, HINT));
};

let shown = {rows: [], columns: [], block: null};

const drawMatrices = () => {
  const holder = byId('panels');
  const block = chosenBlock();
  byId('inspector').replaceChildren(element('p', {class: 'muted'}, HINT));
  if (!block) {
    shown = {rows: [], columns: [], block: null};
    holder.replaceChildren(element('p', {class: 'notice'}, 'There are no scores for this choice.'));
    return;
  }
  const order = ordered(block).filter((place) => isShown(block.kind, place));
  const [references, targets] = [new Set(block.data.reference), new Set(block.data.target)];
  const [rows, columns] = [order.filter((place) => references.has(place)), order.filter((place) => targets.has(place))];
  shown = {rows, columns, block};
  const panels = PANELS.filter(([column]) => block.data.columns[column].some(isNumber));
  byId('count').textContent = rows.length && columns.length ? '' : 'No model fits the filters.';
  if (rows.length < references.size || columns.length < targets.size) {
    byId('count').textContent ||= `Shown: ${rows.length} of ${references.size} references, ${columns.length} of ${targets.size} targets.`;
  }
  if (!rows.length || !columns.length) return holder.replaceChildren();
  const place = layout(rows, columns, panels.length);
  holder.className = `panels ${place.across > 1 ? 'beside' : 'below'} ${place.cell < LEAST_WITH_NAMES ? 'nameless' : ''} ${place.cell < LEAST_WITH_DIGITS ? 'tiny' : ''}`;
  holder.style.setProperty('--cell', `${place.cell}px`);
  holder.style.setProperty('--label', `${place.label}px`);
  holder.style.setProperty('--head', `${place.cell < LEAST_WITH_NAMES ? 12 : Math.min(6.6 * place.longest + 12, 170)}px`);
  holder.replaceChildren(...panels.map((panel) => matrix(block, panel, rows, columns, place)));
  byId('tools').elements.cell.value = place.cell;
  inspectFirst(block, rows, columns, place.aside);
};
