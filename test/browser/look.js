(() => {
	const out = { Overflow: [], Faint: [], Structure: [], Active: [], Texts: 0, Tables: 0, Title: document.title, Text: '', Tiles: {}, Rows: {}, Pwned: window.pwned === true };
	for (const d of document.querySelectorAll('details')) d.open = true;
	const name = e => e.tagName.toLowerCase() + (e.id ? '#' + e.id : '') + (e.className && e.className.baseVal === undefined ? '.' + e.className : '');
	const shown = e => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;

	// Nothing stands out to the side, or is cut off there, but the link that shows when it is reached by key.
	const width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > width) out.Overflow.push('the page: ' + document.documentElement.scrollWidth + ' of ' + width);
	const heard = e => { const h = e.closest('thead'); return h && getComputedStyle(h).position === 'absolute'; }; // and not seen
	for (const e of document.body.querySelectorAll('*')) {
		if (e.closest('.skip') || heard(e) || !shown(e)) continue;
		const r = e.getBoundingClientRect();
		if (r.right > width + 0.5 || r.left < -0.5) out.Overflow.push(name(e) + ' from ' + r.left + ' to ' + r.right);
		if (!e.closest('svg') && !e.closest('.labels') && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline') out.Overflow.push('within ' + name(e));
	}

	// Contrast as WCAG 2 counts it, of each text against what is painted behind it.
	const colour = s => { const n = s.match(/[\d.]+/g).map(Number); return n.length > 3 ? n : [...n, 1]; };
	const over = (top, below) => [0, 1, 2].map(i => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
	const light = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const behind = e => {
		const layers = [];
		for (; e; e = e.parentElement) layers.push(colour(getComputedStyle(e).backgroundColor));
		return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255, 1]);
	};
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	for (let n; (n = walk.nextNode());) {
		const e = n.parentElement;
		if (!n.data.trim() || e.closest('svg') || heard(e) || !shown(e)) continue;
		out.Texts++;
		const style = getComputedStyle(e), size = parseFloat(style.fontSize), back = behind(e);
		const a = light(over(colour(style.color), back)), b = light(back);
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		const least = size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5;
		if (ratio < least) out.Faint.push(ratio.toFixed(2) + ' ' + name(e) + ' ' + n.data.slice(0, 30));
		if (size < 12) out.Faint.push(size + 'px ' + name(e));
	}

	// Order: language, title, one main part, headings that leave no level out, tables and pictures that say what they are.
	const want = (ok, what) => { if (!ok) out.Structure.push(what); };
	want(document.documentElement.lang === 'en', 'no language');
	want(document.title !== '', 'no title');
	for (const tag of ['header', 'nav', 'main', 'footer', 'h1']) want(document.querySelectorAll('body ' + tag).length === 1, 'not one ' + tag);
	let level = 0;
	for (const h of document.querySelectorAll('h1,h2,h3,h4,h5,h6')) {
		const l = Number(h.tagName[1]);
		want(l <= level + 1, 'heading "' + h.textContent + '" leaves a level out');
		level = l;
	}
	for (const s of document.querySelectorAll('main section')) {
		const h = document.getElementById(s.getAttribute('aria-labelledby'));
		want(h && h.tagName === 'H2' && s.contains(h), 'a section without its heading: ' + s.id);
	}
	for (const t of document.querySelectorAll('table')) {
		out.Tables++;
		want(t.caption && t.caption.textContent.trim() !== '', 'a table without a caption');
		want([...t.querySelectorAll('th')].every(h => h.scope === 'col' || h.scope === 'row'), 'a head without a scope');
		want(t.tHead && [...t.rows].every(r => r.cells.length === t.tHead.rows[0].cells.length), 'a row of another length in ' + t.caption.textContent);
	}
	for (const s of document.querySelectorAll('svg')) {
		want(s.getAttribute('role') === 'img', 'a picture without its role');
		want(s.getAttribute('aria-labelledby').split(' ').every(id => document.getElementById(id) && document.getElementById(id).textContent !== ''), 'a picture without a text');
	}
	const ids = [...document.querySelectorAll('[id]')].map(e => e.id);
	want(new Set(ids).size === ids.length, 'an id twice');
	for (const a of document.querySelectorAll('a')) want(a.getAttribute('href').startsWith('#') && document.getElementById(a.getAttribute('href').slice(1)), 'a link to nowhere: ' + a.getAttribute('href'));

	for (const e of document.querySelectorAll('*')) {
		if (['SCRIPT', 'IMG', 'IFRAME', 'OBJECT', 'EMBED', 'FORM', 'INPUT', 'BASE', 'VIDEO', 'AUDIO'].includes(e.tagName)) out.Active.push(name(e));
		for (const a of e.attributes) if (a.name.startsWith('on')) out.Active.push(name(e) + ' ' + a.name);
	}

	for (const t of document.querySelectorAll('.tile')) out.Tiles[t.querySelector('dt').textContent] = t.querySelector('.value').textContent;
	for (const card of document.querySelectorAll('.card[id]')) {
		for (const r of card.querySelectorAll('tbody tr')) {
			out.Rows[card.id.replace(/-table$/, '') + '/' + r.cells[0].querySelector('.line').textContent] = r.cells[1].textContent;
		}
	}
	out.Text = document.body.textContent;
	out.Background = getComputedStyle(document.body).backgroundColor;
	return out;
})()
