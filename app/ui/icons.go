package ui

import "github.com/maxence-charriere/go-app/v10/pkg/app"

// The icons are drawn on a grid of 24, with a stroke of the text's colour.
const (
	iconMessages = `<path d="M4 6.5A2.5 2.5 0 0 1 6.5 4h11A2.5 2.5 0 0 1 20 6.5v7a2.5 2.5 0 0 1-2.5 2.5H11l-4.5 4v-4A2.5 2.5 0 0 1 4 13.5z"/>`
	iconRead     = `<path d="M8 6 3 12l5 6M16 6l5 6-5 6M13.5 4.5l-3 15"/>`
	iconSearch   = `<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>`
	iconPause    = `<path d="M9 5.5v13M15 5.5v13"/>`
	iconPlay     = `<path d="M8 5.5v13l10.5-6.5z"/>`
	iconEdit     = `<path d="M4 20l1-4.5L16.5 4 20 7.5 8.5 19zM14 6.5 17.5 10"/>`
	iconDelete   = `<path d="M4.5 7h15M9.5 7V4.5h5V7M6.5 7l1 13h9l1-13M10 11v5.5M14 11v5.5"/>`
	iconClose    = `<path d="M6 6l12 12M18 6 6 18"/>`
	iconHelp     = `<circle cx="12" cy="12" r="8.5"/><path d="M9.6 9.6a2.4 2.4 0 1 1 3.4 2.2c-.7.4-1 .9-1 1.7M12 16.6v.1"/>`
	iconSystem   = `<circle cx="12" cy="12" r="8"/><path d="M12 4v16a8 8 0 0 0 0-16z" fill="currentColor"/>`
	iconLight    = `<circle cx="12" cy="12" r="4"/><path d="M12 2.5v2.5M12 19v2.5M2.5 12H5M19 12h2.5M5.3 5.3 7 7M17 17l1.7 1.7M5.3 18.7 7 17M17 7l1.7-1.7"/>`
	iconDark     = `<path d="M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z"/>`
	iconOut      = `<path d="M14 4.5H6.5v15H14M10.5 12h10M17 8.5l3.5 3.5-3.5 3.5"/>`
	iconLock     = `<rect x="5.5" y="10.5" width="13" height="9" rx="2"/><path d="M8.5 10.5V8a3.5 3.5 0 0 1 7 0v2.5"/>`
	iconCloud    = `<path d="M7 17.5a4 4 0 0 1-.4-8 5.5 5.5 0 0 1 10.6-1A4.5 4.5 0 0 1 17 17.5M4 4l16 16"/>`
	iconWarn     = `<path d="M12 4.5 3 19.5h18zM12 10v4.5M12 17v.1"/>`
	iconNote     = `<path d="M5 5h14v10l-4 4H5zM19 15h-4v4M8.5 9h7M8.5 12.5h4"/>`
	iconUp       = `<path d="M12 19.5v-15M6 10.5l6-6 6 6"/>`
)

func icon(paths string) app.UI {
	return app.Raw(`<svg class="icon" viewBox="0 0 24 24" width="20" height="20" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">` + paths + `</svg>`)
}

// mark is the project's own: a leveret's two ears in a square.
func mark() app.UI {
	return app.Raw(`<svg class="mark" viewBox="0 0 32 32" width="32" height="32" aria-hidden="true" focusable="false">` +
		`<rect class="mark-ground" width="32" height="32" rx="8"/>` +
		`<path class="mark-ear" d="M15.4 27C10 22.5 7.2 14 9.4 6.6c.3-1.1 1.7-1.3 2.3-.4C14.8 11 16.2 19 15.4 27z"/>` +
		`<path class="mark-ear" d="M17.2 27C16.6 20.4 17.6 14.6 20.9 9.4c.6-1 2-.9 2.4.1C25.6 15.8 23.4 22.6 17.2 27z"/></svg>`)
}
