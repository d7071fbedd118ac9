'use strict';
(() => {
  const report = JSON.parse(document.getElementById('report').textContent);

  // Figures under the pointer, the finger or the arrow keys are shown in a line below the drawing.
  for (const figure of document.querySelectorAll('figure')) {
    const readout = figure.querySelector('.readout');
    if (!readout) continue;
    readout.hidden = false;
    let on = null;
    const show = (spot) => {
      if (!spot) return;
      if (on) on.classList.remove('on');
      on = spot;
      on.classList.add('on');
      readout.textContent = spot.getAttribute('title') || spot.textContent;
      readout.classList.add('set');
    };
    const spotOf = (event) => event.target.closest('.hit, td[title]');
    figure.addEventListener('pointerover', (event) => show(spotOf(event)));
    figure.addEventListener('click', (event) => show(spotOf(event)));
    figure.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const plot = event.target.closest('.plot');
      if (!step || !plot) return;
      const spots = [...plot.querySelectorAll('.hit')];
      const at = spots.indexOf(on);
      show(spots[at < 0 ? 0 : Math.min(Math.max(at + step, 0), spots.length - 1)]);
      event.preventDefault();
    });
  }

  // The table of tensors sorts by the figures of the report, not by the rounded ones that it shows. A view has an address:
  // #sort=relative_rmse:desc&filter=ffn
  const table = document.getElementById('tensor-table');
  if (table) {
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row, i) => ({ row, tensor: report.tensors[i], i }));
    const filter = document.getElementById('filter');
    const shown = document.getElementById('shown');
    const heads = [...table.tHead.rows[0].cells];
    const errors = new Set(['relative_rmse', 'cosine', 'largest_error', 'worst_row_rmse', 'remade']);
    let key = '', order = '';

    const value = (tensor) => {
      if (errors.has(key) && key !== 'remade' && !tensor.compared) return undefined;
      if (key === 'shape') return tensor.shape.reduce((a, b) => a * b, 1);
      return tensor[key];
    };
    const names = new Intl.Collator('en', { numeric: true });
    const compare = (a, b) => {
      const x = value(a.tensor), y = value(b.tensor);
      if (x === undefined || y === undefined) return (x === undefined) - (y === undefined) || a.i - b.i; // last
      const sign = order === 'desc' ? -1 : 1;
      if (x === null || y === null) { // no finite figure: the worst
        return (key === 'cosine' ? -sign : sign) * ((x === null) - (y === null)) || a.i - b.i;
      }
      return sign * (typeof x === 'string' ? names.compare(x, y) : x - y) || a.i - b.i;
    };
    const draw = () => {
      const words = filter.value.toLowerCase().trim();
      const list = key ? [...rows].sort(compare) : rows;
      let n = 0;
      for (const r of list) {
        r.row.hidden = !(r.tensor.name + ' ' + r.tensor.type).toLowerCase().includes(words);
        if (!r.row.hidden) n++;
      }
      body.append(...list.map((r) => r.row));
      shown.textContent = n === rows.length ? '' : n + ' of ' + rows.length;
      for (const head of heads) {
        if (head.dataset.key === key) head.setAttribute('aria-sort', order === 'desc' ? 'descending' : 'ascending');
        else head.removeAttribute('aria-sort');
      }
    };
    const keep = () => {
      const view = new URLSearchParams();
      if (key) view.set('sort', key + ':' + order);
      if (filter.value) view.set('filter', filter.value);
      const address = '#' + view.toString().replace('%3A', ':');
      history.replaceState(null, '', address === '#' ? '#tensors' : address);
    };
    const obey = () => {
      const view = new URLSearchParams(location.hash.slice(1));
      if (!view.has('sort') && !view.has('filter')) return;
      const [k, o] = (view.get('sort') || '').split(':');
      key = heads.some((head) => head.dataset.key === k) ? k : '';
      order = o === 'asc' ? 'asc' : 'desc';
      filter.value = view.get('filter') || '';
      draw();
      document.getElementById('tensors').scrollIntoView();
    };
    for (const head of heads) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener('click', () => {
        const number = head.classList.contains('n') && head.dataset.key !== 'layer';
        const first = head.dataset.first || (number ? 'desc' : 'asc');
        order = key === head.dataset.key ? (order === 'desc' ? 'asc' : 'desc') : first;
        key = head.dataset.key;
        draw();
        keep();
      });
    }
    filter.addEventListener('input', () => { draw(); keep(); });
    document.querySelector('.controls').hidden = false;
    addEventListener('hashchange', obey);
    obey();
  }

  const copy = document.getElementById('copy');
  if (copy) {
    copy.hidden = false;
    copy.addEventListener('click', async () => {
      const command = document.getElementById('command');
      try {
        await navigator.clipboard.writeText(command.textContent);
        copy.textContent = 'Copied';
      } catch {
        getSelection().selectAllChildren(command); // to be copied by hand
        copy.textContent = 'Selected';
      }
      setTimeout(() => { copy.textContent = 'Copy'; }, 2000);
    });
  }

  const download = document.getElementById('download');
  download.hidden = false;
  download.addEventListener('click', () => {
    download.href = URL.createObjectURL(new Blob([JSON.stringify(report, null, 2) + '\n'], { type: 'application/json' }));
    download.download = 'verify.json';
  });
})();
