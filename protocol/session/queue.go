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

// dropSnapshot removes a snapshot that waits to be compared, and what came after it:
// a younger one replaces all of that. (Without the snapshot before them, the events
// would make of the consumer's view what never was.)
func (q *queue) dropSnapshot() {
	for i := q.head; i < len(q.entries); i++ {
		if q.entries[i].kind == compared {
			clear(q.entries[i:])
			q.entries = q.entries[:i]
			return
		}
	}
}
