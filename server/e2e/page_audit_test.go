package e2e

// audit looks over what is on the screen and returns what somebody could not read,
// name or hit: text below a contrast of 4.5 (3 if it is large), controls without a
// name, targets below 24 px (and on a small screen buttons below 44), references to
// labels that are not there, ids that are there twice.
const audit = `(small => {
	const wrong = []
	const dialog = document.querySelector('dialog[open]')
	const root = dialog ?? document.body
	const parse = text => {
		const n = text.match(/-?[\d.]+/g).map(Number)
		const scale = text.startsWith('color(') ? 255 : 1
		return [n[0] * scale, n[1] * scale, n[2] * scale, n[3] ?? 1]
	}
	const over = (top, under) => [0, 1, 2].map(i => top[i] * top[3] + under[i] * (1 - top[3])).concat(1)
	const ground = e => {
		if (!e) return parse(getComputedStyle(document.body).backgroundColor)
		const own = parse(getComputedStyle(e).backgroundColor)
		return own[3] === 1 ? own : over(own, ground(e.parentElement))
	}
	const light = c => {
		const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		return 0.2126 * r + 0.7152 * g + 0.0722 * b
	}
	const contrast = (a, b) => {
		const [x, y] = [light(a), light(b)].sort((p, q) => q - p)
		return (x + 0.05) / (y + 0.05)
	}
	const seen = e => {
		const r = e.getBoundingClientRect()
		return r.width > 1 && r.height > 1 && getComputedStyle(e).visibility === 'visible' && !e.closest('.unseen, [inert]')
	}
	const opacity = e => e ? Number(getComputedStyle(e).opacity) * opacity(e.parentElement) : 1
	const name = e => e.tagName + (e.id ? '#' + e.id : '') + (e.className ? '.' + String(e.className).replaceAll(' ', '.') : '')

	const fading = document.getAnimations().map(a => a.effect.target)
	for (const e of root.querySelectorAll('*')) {
		if (!seen(e)) continue
		const style = getComputedStyle(e)
		const says = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())
		const holds = e.matches('input, textarea, select')
		if ((says || holds) && !fading.some(f => f.contains(e)) && opacity(e) > 0) {
			const back = ground(e)
			const inks = [style.color]
			if (holds && e.placeholder) inks.push(getComputedStyle(e, '::placeholder').color)
			for (const ink of inks) {
				const color = parse(ink)
				color[3] *= opacity(e)
				const size = parseFloat(style.fontSize)
				const least = size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5
				const is = contrast(over(color, back), back)
				if (is < least) wrong.push(name(e) + ' has a contrast of ' + is.toFixed(2) + ': ' + e.textContent.slice(0, 40))
			}
		}
		if (e.matches('button, input, textarea, select, [role=button], [role=tab]')) {
			const called = e.getAttribute('aria-label') || e.textContent.trim() && e.tagName === 'BUTTON' || [...(e.labels ?? [])].some(l => l.textContent.trim())
			if (!called) wrong.push(name(e) + ' has no name')
			const target = (e.matches('[type=checkbox], [type=radio]') ? e.closest('label') : e).getBoundingClientRect()
			const least = small && e.tagName === 'BUTTON' ? 44 : 24
			if (target.width < 24 || target.height < least) wrong.push(name(e) + ' is a target of ' + target.width.toFixed() + ' by ' + target.height.toFixed())
		}
		for (const relation of ['aria-describedby', 'aria-labelledby', 'for']) {
			const id = e.getAttribute(relation)
			if (id && !document.getElementById(id)) wrong.push(name(e) + ' refers to #' + id + ', which is not there')
		}
	}
	const ids = [...document.querySelectorAll('[id]')].map(e => e.id)
	for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) wrong.push('#' + id + ' is there twice')
	return [...new Set(wrong)]
})`
