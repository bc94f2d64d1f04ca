// In a matrix, one cell takes Tab, and the arrow keys move; the same pair is outlined in all matrices.
const placeOf = (td) => ({row: td.parentNode.sectionRowIndex, column: td.cellIndex - 1});
const cellAt = (table, row, column) => table.tBodies[0].rows[row]?.cells[column + 1];
const bodyCellOf = (event) => event.target.closest?.('table.matrix tbody td');
let lastCell = null;

const look = (td) => {
  const {row, column} = placeOf(td);
  for (const other of document.querySelectorAll('table.matrix .looked')) other.classList.remove('looked');
  for (const table of document.querySelectorAll('table.matrix')) {
    cellAt(table, row, column)?.classList.add('looked');
    table.tBodies[0].rows[row]?.cells[0].classList.add('looked');
    table.tHead.rows[0].cells[column + 1]?.classList.add('looked');
  }
  const cell = cellOf(shown.block, shown.rows[row], shown.columns[column]);
  if (cell) inspect(cell);
};
const focusCell = (td) => {
  for (const other of td.closest('table').querySelectorAll('td[tabindex]')) other.removeAttribute('tabindex');
  td.tabIndex = 0;
  td.focus();
};
const open = (td) => {
  const {row, column} = placeOf(td);
  lastCell = td;
  const [reference, target] = [shown.rows[row], shown.columns[column]];
  if (shown.block.kind === 'models') return openPair(reference, target);
  const of = (group) => data.models.map((model, place) => [model, place]).filter(([model]) => model.group === data.groups[group]).map(([, place]) => place);
  const [first, others] = [of(reference)[0], of(target)];
  return openPair(first, others.find((place) => place !== first) ?? first);
};
const moved = (key, {row, column}, last, control) => ({
  ArrowRight: [row, column + 1], ArrowLeft: [row, column - 1], ArrowDown: [row + 1, column], ArrowUp: [row - 1, column],
  Home: [control ? 0 : row, 0], End: [control ? last.row : row, last.column],
})[key];

const watchMatrices = () => {
  const panels = byId('panels');
  panels.addEventListener('mouseover', (event) => { const td = bodyCellOf(event); if (td) look(td); });
  panels.addEventListener('focusin', (event) => {
    const td = bodyCellOf(event);
    if (!td) return;
    look(td);
  });
  panels.addEventListener('click', (event) => {
    const td = bodyCellOf(event);
    if (!td) return;
    focusCell(td);
    open(td);
  });
  panels.addEventListener('keydown', (event) => {
    const td = bodyCellOf(event);
    if (!td) return;
    if (event.key === 'Enter' || event.key === ' ') {
      event.preventDefault();
      return open(td);
    }
    const last = {row: shown.rows.length - 1, column: shown.columns.length - 1};
    const to = moved(event.key, placeOf(td), last, event.ctrlKey);
    if (!to) return;
    event.preventDefault();
    const cell = to[0] >= 0 && to[1] >= 0 && cellAt(td.closest('table'), ...to);
    if (cell) focusCell(cell);
  });
};
