package session

// An entry is what waits for a consumer.
type entry struct {
	kind     entryKind
	event    Event     // of told, replayed and derived
	snapshot *snapshot // of compared and silent
}

type entryKind int

const (
	told     entryKind = iota // the server's own event
	replayed                  // an event that a snapshot may already contain
	compared                  // a snapshot: told as the init, or as its difference to the baseline
	silent                    // a snapshot that is the baseline, and not told
	derived                   // an event of a difference: the baseline has it already
)

// A queue is first in, first out.
type queue struct {
	entries []entry
	head    int
}

func (q *queue) len() int { return len(q.entries) - q.head }

func (q *queue) push(e entry) { q.entries = append(q.entries, e) }

func (q *queue) pop() (e entry, ok bool) {
	if q.head == len(q.entries) {
		return e, false
	}
	e = q.entries[q.head]
	q.entries[q.head] = entry{} // let go of the frame
	q.head++
	switch {
	case q.head == len(q.entries):
		q.entries, q.head = q.entries[:0], 0
	case q.head > 64 && q.head > len(q.entries)/2:
		n := copy(q.entries, q.entries[q.head:])
		clear(q.entries[n:])
		q.entries, q.head = q.entries[:n], 0
	}
	return e, true
}

// unpop puts entries before all others.
func (q *queue) unpop(front []entry) {
	q.entries, q.head = append(front, q.entries[q.head:]...), 0
}

func (q *queue) clear() {
	clear(q.entries)
	q.entries, q.head = q.entries[:0], 0
}

// dropSnapshots removes the snapshots that wait to be compared: a younger one
// replaces them.
func (q *queue) dropSnapshots() {
	kept := q.entries[:0]
	for _, e := range q.entries[q.head:] {
		if e.kind != compared {
			kept = append(kept, e)
		}
	}
	clear(q.entries[len(kept):])
	q.entries, q.head = kept, 0
}
