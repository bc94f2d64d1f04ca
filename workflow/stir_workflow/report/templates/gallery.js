const FEW_ROWS = 12;
let allRows = false;

// A picture that was left out, or is named by a key that is not there, is a word.
const picture = (key, alt) => {
  const found = Object.hasOwn(data.pictures, key ?? '') ? data.pictures[key] : null;
  if (!found) return element('span', {class: 'left-out'}, 'left out');
  return element('img', {src: found.src, alt, width: found.width, height: found.height, class: Math.max(found.width, found.height) <= data.small ? 'small' : null});
};
const marksOf = (item) => [item.converged === false ? 'not converged' : null, item.matched === false ? 'not matched' : null].filter(Boolean);
const markElements = (item) => marksOf(item).map((mark) => element('span', {class: 'mark'}, mark));

const enlarge = (gallery, row, place) => {
  const [column, item] = [gallery.columns[place], row?.items[place]];
  byId('enlarged-title').textContent = `Image ${column.index}, ${column.class_name}${row ? `: ${row.model}, layer ${gallery.layer}` : ''}`;
  const pictures = [['reference image', column.reference], ['seed image', column.seed], ...(row ? [['IRI', item.iri]] : [])];
  const body = [element('div', {class: 'large'}, pictures.map(([what, key]) =>
    element('figure', null, picture(key, `${what} of image ${column.index}, ${column.class_name}`), element('figcaption', null, what))))];
  if (row) {
    body.push(element('p', null, `Inversion error ${number(item.error)}, tolerance ${number(row.tolerance, 2)}. `, markElements(item)));
    body.push(...convergence([row]));
  }
  byId('enlarged-body').replaceChildren(...body);
  byId('enlarged').showModal();
};

const pictureButton = (gallery, row, place, key, what) => {
  const column = gallery.columns[place];
  const alt = `${what} of image ${column.index}, ${column.class_name}`;
  const button = element('button', {type: 'button', class: `thumb ${row && marksOf(row.items[place]).length ? 'marked' : ''}`}, picture(key, alt));
  button.addEventListener('click', () => enlarge(gallery, row, place));
  return button;
};
const sharedRow = (gallery, what, side) => element('tr', null, element('th', {scope: 'row'}, what),
  gallery.columns.map((column, place) => element('td', null, pictureButton(gallery, null, place, column[side], what))));
const modelRow = (gallery, row) => element('tr', null,
  element('th', {scope: 'row'}, row.model, element('span', {class: 'muted'},
    isNumber(row.converged_fraction) ? `${percent(row.converged_fraction)} of ${row.n_images} converged` : `${row.n_images} images`)),
  row.items.map((item, place) => element('td', null, pictureButton(gallery, row, place, item.iri, `IRI for ${row.model}`),
    element('span', {class: 'error'}, number(item.error)), markElements(item))));

// Both curves have a chart where they were stored, and one table has the numbers.
const convergence = (rows) => {
  const places = rows.map((row) => names.models.indexOf(row.model));
  const label = places.every((place) => place >= 0) ? labelsOf(places) : () => 'all models';
  const along = (curve, name) => rows.flatMap((row, number) => (row[curve] ?? []).map(([evaluations, value]) =>
    ({model: row.model, label: label(places[number]), evaluations, [name]: value, tolerance: row.tolerance ?? undefined})));
  const curves = [['convergence', along('curve', 'error').filter((row) => row.error > 0), 'Convergence: median inversion error', number],
    ['stopped', along('converged_curve', 'fraction'), 'Images that have stopped', percent]];
  return [element('div', {class: 'two'}, curves.filter(([, found]) => found.length).map(([name, found, caption, text]) =>
    newChart(name, found, `${caption}, by evaluations of the model.`, caption, plainTable(caption, [['model', false], ['evaluations', true], ['value', true]],
      found.map((row) => [row.model, String(row.evaluations), text(row.error ?? row.fraction)])))))];
};
const inversionTable = (rows) => plainTable('Inversions', [['model', false], ['method', false], ['tolerance', true], ['images', true], ['converged', true],
  ['error: median', true], ['90th percentile', true], ['largest', true], ['seed images: error', true], ['iterations: median', true], ['flags', false]],
rows.map((row) => [row.model, row.method, number(row.tolerance, 2), count(row.n_images), percent(row.converged_fraction), number(row.error_median),
  number(row.errors[9]), number(row.errors[10]), number(row.seed_error_median), number(row.iterations_median, 0), row.flags.join('; ')]));

const galleryTable = (gallery, rows) => element('div', {class: 'scroll', tabindex: 0, role: 'region', 'aria-label': `Images, layer ${gallery.layer}, random seed ${gallery.random_seed}`},
  element('table', {class: 'gallery'},
    element('caption', null, `${gallery.images_dataset}, layer ${gallery.layer}, random seed ${gallery.random_seed}, seed images ${[...new Set(rows.map((row) => row.seed_images))].join(', ')}`),
    element('thead', null, element('tr', null, element('td'), gallery.columns.map((column) =>
      element('th', {scope: 'col'}, `${column.index}`, element('span', {class: 'muted'}, column.class_name))))),
    element('tbody', null, sharedRow(gallery, 'reference', 'reference'), sharedRow(gallery, 'seed', 'seed'), rows.map((row) => modelRow(gallery, row)))));

const oneGallery = (gallery, order) => {
  const found = order.map((name) => gallery.rows.find((row) => row.model === name)).filter(Boolean);
  const rows = allRows ? found : found.slice(0, FEW_ROWS);
  if (!rows.length) return null;
  const more = element('button', {type: 'button'}, `Show all ${found.length} models`);
  more.addEventListener('click', () => { allRows = true; drawGallery(); });
  return element('div', {class: 'gallery-block'}, galleryTable(gallery, rows), rows.length < found.length ? more : null,
    convergence(rows), folded('Inversions in numbers', inversionTable(rows)));
};
const drawGallery = () => {
  const holder = byId('gallery');
  whenSeen(holder, () => {
    const order = shownModels().map((place) => names.models[place]);
    const found = data.galleries.filter((gallery) => gallery.layer === state.layer && gallery.images_dataset === state.dataset);
    const made = found.map((gallery) => oneGallery(gallery, order)).filter(Boolean);
    holder.replaceChildren(...(made.length ? made : [element('p', {class: 'notice'}, 'There are no pictures for this choice.')]));
  });
};
