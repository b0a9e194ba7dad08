package ui

import (
	"strconv"
	"time"

	"github.com/maxence-charriere/go-app/v10/pkg/app"

	"leveret/app/state"
)

const (
	scrollerID = "scroller"
	listID     = "messages"

	spaceAboveID = "space-above"
	spaceBelowID = "space-below"

	overscan = 10 // rows drawn beyond the viewport, on either side
	maxFresh = 20 // rows that may fade in at once
)

// list is the live list. It draws a window: the rows in view and a few around
// them, between two spacers as high as the rest. All rows have one height, which
// the style sheet chooses and list measures.
//
// go-app compares children by position, so when a row comes in at the top every
// element below shows the next row. What belongs to a row and not to an element
// (the focus, the place scrolled to, which row was pressed) is therefore kept by
// key here and put right after each drawing, before the browser paints.
type list struct {
	app.Compo

	Page  *Page
	List  state.List
	Face  state.ListFace
	Cause string // of the connection, for the looks without rows
	Now   time.Time

	height     float64 // of a row, in CSS pixels; 0 until it was measured
	start, end int     // the window
	shown      []*state.Row
	fresh      int // so many rows at the top fade in
	turn       bool

	anchor       string   // the first row in view
	anchorIndex  int      // where it was
	anchorOffset float64  // how far it is scrolled out
	current      string   // the row that Tab reaches
	focused      string   // the row that has the focus, or ""
	focusedPart  string   // "" for the row itself, else its button's action
	pressed      string   // the row on which the pointer went down
	settling     bool     // settle is due
	jumped       int      // List.Jump as of the last drawing
	toTop        bool     // the next settle scrolls to the top
	moved        app.Func // listens to the page's window
}

// OnMount begins to listen to what moves the window.
func (l *list) OnMount(ctx app.Context) {
	l.end = 2 * overscan
	l.refresh(ctx)
	if app.IsServer {
		return
	}
	l.moved = app.FuncOf(func(this app.Value, args []app.Value) any {
		ctx.Dispatch(func(ctx app.Context) { l.onScroll(ctx, app.Event{}) })
		return nil
	})
	// Where the window is too low for a list of its own, the page itself scrolls.
	for _, event := range moves {
		app.Window().Call("addEventListener", event, l.moved, map[string]any{"passive": true})
	}
}

// moves are the events of the page's window that move the list's.
var moves = []string{"scroll", "resize"}

// OnDismount lets go of the window's events.
func (l *list) OnDismount() {
	if l.moved == nil {
		return
	}
	for _, event := range moves {
		app.Window().Call("removeEventListener", event, l.moved)
	}
	l.moved.Release()
	l.moved = nil
}

// OnUpdate chooses the window for the new rows, so that what is in view stays.
func (l *list) OnUpdate(ctx app.Context) { l.refresh(ctx) }

func (l *list) refresh(ctx app.Context) {
	rows := l.List.Shown
	l.fresh = 0
	if len(l.shown) > 0 && len(rows) > 0 && l.List.Search == "" {
		top := l.shown[0].Key
		for l.fresh < min(maxFresh, len(rows)) && rows[l.fresh].Key != top {
			l.fresh++
		}
		if l.fresh == min(maxFresh, len(rows)) { // the top row is gone: nothing to compare with
			l.fresh = 0
		}
	}
	l.turn = !l.turn
	if l.List.Jump != l.jumped {
		l.jumped, l.toTop = l.List.Jump, true
		l.anchor, l.anchorIndex, l.anchorOffset = "", 0, 0
	}
	l.shown = rows
	l.choose(l.top(rows))
	l.settleLater(ctx)
}

// top is how far the rows should be scrolled so that the anchor stays in place.
func (l *list) top(rows []*state.Row) float64 {
	if l.anchorIndex == 0 && l.anchorOffset < l.height/2 {
		return l.anchorOffset
	}
	// Rows mostly move a little: look around the old place first.
	for d := 0; d < len(rows); d++ {
		for _, i := range [2]int{l.anchorIndex + d, l.anchorIndex - d} {
			if i >= 0 && i < len(rows) && rows[i].Key == l.anchor {
				l.anchorIndex = i
				return float64(i)*l.height + l.anchorOffset
			}
		}
	}
	return float64(l.anchorIndex)*l.height + l.anchorOffset
}

// choose sets the window for a list scrolled so far.
func (l *list) choose(top float64) {
	if l.height == 0 {
		l.start, l.end = 0, min(len(l.shown), 2*overscan)
		return
	}
	first := int(top / l.height)
	inView := int(l.viewport()/l.height) + 2
	l.start = max(0, min(first-overscan, len(l.shown)-inView-overscan))
	l.end = min(len(l.shown), first+inView+overscan)
}

// viewport is how high the visible part of the list can be.
func (l *list) viewport() float64 {
	if app.IsServer {
		return 800
	}
	inner := app.Window().Get("innerHeight")
	if inner.Type() != app.TypeNumber {
		return 800
	}
	return inner.Float()
}

// position is how far the list's top is above the visible area, whichever of the
// scroller and the page scrolls; negative if it is below the upper edge.
func (l *list) position() (float64, bool) {
	above := app.Window().GetElementByID(spaceAboveID)
	scroller := app.Window().GetElementByID(scrollerID)
	if !above.Truthy() || !scroller.Truthy() {
		return 0, false
	}
	edge := max(0, scroller.Call("getBoundingClientRect").Get("top").Float())
	return edge - above.Call("getBoundingClientRect").Get("top").Float(), true
}

// onScroll moves the window and remembers what is in view. It draws only if the
// window's rows change enough to matter.
func (l *list) onScroll(ctx app.Context, e app.Event) {
	top, ok := l.position()
	if !ok || l.height == 0 {
		ctx.PreventUpdate()
		return
	}
	l.remember(top)
	atTop := top < l.height/2
	if atTop != l.Page.model.List.AtTop {
		l.Page.apply(state.Scrolled{AtTop: atTop})
		l.settleLater(ctx)
		return
	}
	first := int(max(0, top) / l.height)
	last := first + int(l.viewport()/l.height) + 1
	enoughAbove := l.start == 0 || first-l.start >= overscan/2
	enoughBelow := l.end >= len(l.shown) || l.end-last >= overscan/2
	if enoughAbove && enoughBelow {
		ctx.PreventUpdate()
		return
	}
	l.fresh = 0
	l.choose(max(0, top))
	l.settleLater(ctx)
}

func (l *list) remember(top float64) {
	l.anchorIndex = int(max(0, top) / max(1, l.height))
	l.anchorOffset = max(0, top) - float64(l.anchorIndex)*l.height
	l.anchor = ""
	if l.anchorIndex < len(l.shown) {
		l.anchor = l.shown[l.anchorIndex].Key
	}
}

// settleLater puts right, after the drawing, what go-app cannot know.
func (l *list) settleLater(ctx app.Context) {
	if app.IsServer || l.settling {
		return
	}
	l.settling = true
	ctx.Defer(func(ctx app.Context) {
		l.settling = false
		l.settle(ctx)
	})
}

func (l *list) settle(ctx app.Context) {
	ul := app.Window().GetElementByID(listID)
	if !ul.Truthy() {
		l.height = 0
		return
	}
	if row := ul.Call("querySelector", ".row"); row.Truthy() {
		if height := row.Call("getBoundingClientRect").Get("height").Float(); height > 0 && height != l.height {
			l.height = height
			l.choose(l.top(l.shown))
			ctx.Update()
			l.settleLater(ctx)
		}
	}
	setHeight(spaceAboveID, float64(l.start)*l.height)
	setHeight(spaceBelowID, float64(len(l.shown)-l.end)*l.height)
	if l.toTop {
		l.toTop = false
		if above := app.Window().GetElementByID(spaceAboveID); above.Truthy() {
			above.Call("scrollIntoView")
		}
	}

	// Keep in view what was in view, unless that is the top: then show what is new.
	if l.anchorIndex > 0 || l.anchorOffset >= l.height/2 {
		want := l.top(l.shown)
		if top, ok := l.position(); ok && (top-want > 1 || want-top > 1) {
			scroller := app.Window().GetElementByID(scrollerID)
			if scroller.Get("scrollHeight").Float() > scroller.Get("clientHeight").Float()+1 {
				scroller.Set("scrollTop", scroller.Get("scrollTop").Float()+want-top)
			} else {
				app.Window().Call("scrollBy", 0, want-top)
			}
		}
	}
	l.restoreFocus(ul)
}

// setHeight sets a spacer's height through the CSSOM: the page's policy refuses
// style attributes.
func setHeight(id string, height float64) {
	if element := app.Window().GetElementByID(id); element.Truthy() {
		element.Get("style").Set("height", strconv.FormatFloat(height, 'f', 1, 64)+"px")
	}
}

// restoreFocus moves the focus with its row, where drawing left it on the element
// that now shows another.
func (l *list) restoreFocus(ul app.Value) {
	if l.focused == "" {
		return
	}
	active := app.Window().Get("document").Get("activeElement")
	inList := active.Truthy() && ul.Call("contains", active).Bool()
	lost := !active.Truthy() || active.Get("tagName").String() == "BODY"
	if !inList && !lost {
		return
	}
	if inList {
		if row := active.Call("closest", "[data-key]"); row.Truthy() && row.Get("dataset").Get("key").String() == l.focused {
			return
		}
	}
	if !l.focusRow(ul, l.focused, l.focusedPart) {
		// The row was deleted or is scrolled away: never let a key go to another.
		ul.Call("focus", map[string]any{"preventScroll": true})
	}
}

func (l *list) focusRow(ul app.Value, key, part string) bool {
	for i := l.start; i < min(l.end, len(l.shown)); i++ {
		if l.shown[i].Key != key {
			continue
		}
		element := ul.Get("children").Index(i - l.start)
		if part != "" && element.Truthy() {
			element = element.Call("querySelector", "[data-action="+part+"]")
		}
		if element.Truthy() {
			element.Call("focus", map[string]any{"preventScroll": true})
			return true
		}
	}
	return false
}

// rowAt finds the row and the button that an event is about.
func rowAt(target app.Value) (key, action string) {
	if !target.Truthy() || !target.Get("closest").Truthy() {
		return "", ""
	}
	if row := target.Call("closest", "[data-key]"); row.Truthy() {
		key = row.Get("dataset").Get("key").String()
	}
	if button := target.Call("closest", "[data-action]"); button.Truthy() {
		action = button.Get("dataset").Get("action").String()
	}
	return key, action
}

func (l *list) onPointerDown(ctx app.Context, e app.Event) {
	l.pressed, _ = rowAt(e.Get("target"))
	ctx.PreventUpdate()
}

// onClick acts on the row that was pressed, even if another has moved under the
// pointer since.
func (l *list) onClick(ctx app.Context, e app.Event) {
	key, action := rowAt(e.Get("target"))
	if l.pressed != "" && e.Get("detail").Truthy() { // by a pointer, not by a key
		key = l.pressed
	}
	l.pressed = ""
	if key == "" {
		return
	}
	l.current = key
	l.act(key, action)
}

func (l *list) act(key, action string) {
	switch action {
	case "edit":
		l.Page.apply(state.OpenEdit{Key: key})
	case "delete":
		l.Page.apply(state.OpenDelete{Key: key})
	}
}

func (l *list) onDoubleClick(ctx app.Context, e app.Event) {
	if key, action := rowAt(e.Get("target")); key != "" && action == "" {
		l.act(key, "edit")
	}
}

func (l *list) onFocusIn(ctx app.Context, e app.Event) {
	l.focused, l.focusedPart = rowAt(e.Get("target"))
	if l.focused != "" && l.focused != l.current {
		l.current = l.focused
		return
	}
	ctx.PreventUpdate()
}

func (l *list) onFocusOut(ctx app.Context, e app.Event) {
	if next := e.Get("relatedTarget"); next.Truthy() {
		if key, _ := rowAt(next); key == "" {
			l.focused = ""
		}
	}
	ctx.PreventUpdate()
}

func (l *list) onKey(ctx app.Context, e app.Event) {
	// The focus follows only after the next drawing, so keys that come fast go by
	// the row that was reached, not by the element.
	key, action := rowAt(e.Get("target"))
	if l.current != "" {
		key = l.current
	}
	at := l.index(key)
	page := max(1, int(l.viewport()/max(1, l.height))-3)
	switch e.Get("key").String() {
	case "ArrowDown":
		at++
	case "ArrowUp":
		at--
	case "PageDown":
		at += page
	case "PageUp":
		at -= page
	case "Home":
		at = 0
	case "End":
		at = len(l.shown) - 1
	case "Enter":
		if action == "" {
			e.PreventDefault()
			l.act(key, "edit")
		}
		return
	case "Delete":
		e.PreventDefault()
		l.act(key, "delete")
		return
	default:
		ctx.PreventUpdate()
		return
	}
	e.PreventDefault()
	if len(l.shown) == 0 {
		return
	}
	l.goTo(ctx, max(0, min(at, len(l.shown)-1)))
}

func (l *list) index(key string) int {
	for i, row := range l.shown {
		if row.Key == key {
			return i
		}
	}
	return -1
}

// goTo moves the focus to a row, and into view.
func (l *list) goTo(ctx app.Context, at int) {
	l.current = l.shown[at].Key
	l.focused, l.focusedPart = l.current, ""
	if at < l.start || at >= l.end {
		l.choose(float64(at) * l.height)
	}
	l.settleLater(ctx)
	ctx.Defer(func(ctx app.Context) {
		ul := app.Window().GetElementByID(listID)
		if !ul.Truthy() || !l.focusRow(ul, l.current, "") {
			return
		}
		app.Window().Get("document").Get("activeElement").Call("scrollIntoView", map[string]any{"block": "nearest"})
		if top, ok := l.position(); ok {
			l.remember(top)
		}
	})
}

func (l *list) Render() app.UI {
	p := l.Page
	return el("section.list").Class("face-"+string(l.Face)).Aria("label", "Messages").Body(
		app.If(l.List.Above > 0, func() app.UI {
			return el("button[type=button]#newest.newest").OnClick(p.does(state.ShowNewest{})).
				Body(icon(iconUp), app.Text(state.Thousands(l.List.Above)+" new"))
		}).Else(func() app.UI { return el("div.newest-none") }),
		el("div").ID(scrollerID).Class("scroller").On("scroll", l.onScroll, app.PassiveEvent()).Body(
			l.renderFace(),
		),
	)
}

func (l *list) renderFace() app.UI {
	p := l.Page
	switch l.Face {
	case state.FaceRows:
		return l.renderRows()
	case state.FaceLoading:
		return el("div.skeletons[aria-hidden=true]").Body(
			skeleton(1), skeleton(2), skeleton(3), skeleton(1), skeleton(3), skeleton(2), skeleton(1), skeleton(2),
		)
	case state.FaceOffline:
		return note("offline", iconCloud, "Offline", l.Cause+" The messages appear here when the connection is back.",
			p.offer("Retry now", state.RetryNow{}))
	case state.FaceForbidden:
		return note("forbidden", iconLock, "You may not read the messages",
			"Sign in with an account that may, or ask an administrator for read access to this collection. The server says: "+l.List.Failure.String(),
			p.offer("Sign in as somebody else", state.SignInAgain{}))
	case state.FaceFailed:
		return note("failed", iconWarn, "The list cannot be shown", l.List.Failure.String(),
			p.offer("Try again", state.RetryList{}))
	case state.FaceNoMatch:
		return note("no-match", iconSearch, "Nothing matches “"+l.List.Search+"”", "The search looks at the text and the user of every message here.", nil)
	}
	return note("empty", iconNote, "No messages yet", "Write the first.", nil)
}

// offer is the button of a note.
func (p *Page) offer(word string, msg state.Msg) app.UI {
	return el("button[type=button].secondary").Text(word).OnClick(p.does(msg), app.EventScope(word))
}

func note(kind, picture, title, text string, action app.UI) app.UI {
	return el("div.note").Class("note-"+kind).DataSet("note", kind).Body(
		icon(picture),
		el("p.note-title").Text(title),
		el("p.muted").Text(text),
		el("div.note-action").Body(action),
	)
}

func skeleton(width int) app.UI {
	return el("div.skeleton").Body(
		el("div.bone.bone-user"), el("div").Class("bone bone-text-"+strconv.Itoa(width)), el("div.bone.bone-time"),
	)
}

func (l *list) renderRows() app.UI {
	rows := l.List.Shown
	start, end := min(l.start, len(rows)), min(l.end, len(rows))
	if l.shown == nil { // the first drawing, before OnMount
		start, end = 0, min(2*overscan, len(rows))
	}
	reachable := l.current
	if i := l.index(reachable); i < start || i >= end {
		reachable = rows[min(start, len(rows)-1)].Key
	}
	items := make([]app.UI, 0, end-start)
	for i := start; i < end; i++ {
		items = append(items, l.renderRow(rows[i], i, len(rows), rows[i].Key == reachable))
	}
	ul := el("ul").ID(listID).Class("rows").Role("list").TabIndex(-1).Aria("label", "Messages, newest first").
		On("pointerdown", l.onPointerDown).OnClick(l.onClick).OnDblClick(l.onDoubleClick).
		On("focusin", l.onFocusIn).On("focusout", l.onFocusOut).OnKeyDown(l.onKey).
		Body(items...)
	// The spacers are beside the list, not in it: an element that go-app makes into
	// a row keeps the height that was set by hand.
	return el("section.window").Body(
		el("div").ID(spaceAboveID).Class("space"),
		ul,
		el("div").ID(spaceBelowID).Class("space"),
	)
}

func (l *list) renderRow(row *state.Row, i, all int, reachable bool) app.UI {
	class := "row"
	if i < l.fresh {
		class = "row fresh-a"
		if l.turn { // another name, or the animation would not begin anew on the same element
			class = "row fresh-b"
		}
	}
	tab := -1
	if reachable {
		tab = 0
	}
	about := preview(row.Text)
	return el("li").Class(class).DataSet("key", row.Key).TabIndex(tab).
		Aria("setsize", all).Aria("posinset", i+1).Body(
		el("span.row-user").Text(orDash(row.User)),
		el("span.row-body").Body(
			el("span.row-text[dir=auto]").Text(row.Text),
		),
		el("span.row-meta").Body(
			renderStatus(row),
			timeOf(l.Now, row),
		),
		el("span.row-actions").Body(
			el("button[type=button].icon-button[data-action=edit]").TabIndex(tab).
				Title("Edit").Aria("label", "Edit: "+about).Body(icon(iconEdit)),
			el("button[type=button].icon-button[data-action=delete]").TabIndex(tab).
				Title("Delete").Aria("label", "Delete: "+about).Body(icon(iconDelete)),
		),
	)
}

func renderStatus(row *state.Row) app.UI {
	word := ""
	switch {
	case row.Status != "" && row.Status != "published":
		word = row.Status
	case row.Edited():
		word = "edited"
	}
	return el("span.row-status").Text(word)
}

// timeOf is a row's time: relative, with the whole date behind it.
func timeOf(now time.Time, row *state.Row) app.UI {
	if row.At.IsZero() {
		return el("time.row-time").Text("–")
	}
	return el("time.row-time").Attr("datetime", row.Created).
		Title(row.At.Local().Format("Monday, 2 January 2006, 15:04:05")).Text(state.Ago(now, row.At.Local()))
}

// preview is the beginning of a text, to name a row by.
func preview(text string) string {
	const longest = 60
	runes := 0
	for i := range text {
		if runes++; runes > longest {
			return text[:i] + "…"
		}
	}
	return text
}
