package session

import (
	"slices"

	"leveret/protocol"
)

// Before 12.4 most of Directus's errors have no uid. This file finds out whose
// they are by elimination: an error of type T is about one of the requests of
// type T that were unanswered when it came; as the others get their answers (with
// uid), the refused one remains. Only if an answer never comes does the doubt
// stay, and then it is told.

// A doubt is an error that is about one of several requests.
type doubt struct {
	err  *protocol.Error
	upTo int64 // seq of the last request it can be about
}

// unattributed handles an error without uid.
func (s *Session) unattributed(e *protocol.Error) {
	o := &s.requests
	if e.Type == protocol.TypeServer {
		s.serverError(e)
		return
	}
	o.doubts = append(o.doubts, doubt{err: e, upTo: o.lastSeq})
	s.eliminate(e.Type)
}

// serverError handles an error about a frame of any type: it was not understood,
// or there were too many.
func (s *Session) serverError(e *protocol.Error) {
	o := &s.requests
	if e.Code == protocol.CodeRequestsExceeded && s.subs.asking() {
		s.dropped()
		return
	}
	var only *request
	for _, r := range o.written {
		if r.done {
			continue
		}
		if only != nil {
			return // nobody can tell which one: they are left to their time-outs
		}
		only = r
	}
	if only != nil {
		s.answer(only, nil, e)
	}
}

// eliminate ends the requests that errors without uid must be about: where n
// errors came and n candidates are left, all are refused.
func (s *Session) eliminate(kind string) {
	o := &s.requests
	for n := 1; ; n++ {
		upTo, ok := o.nth(kind, n)
		if !ok {
			return
		}
		left := o.candidates(kind, upTo)
		if len(left) > n {
			continue
		}
		errs := o.takeDoubts(kind, n)
		for i, r := range left {
			if !r.done {
				s.answer(r, nil, errs[i])
			}
		}
		n = 0
	}
}

// nth returns the bound of the n-th doubt of a kind.
func (o *requests) nth(kind string, n int) (upTo int64, ok bool) {
	for _, d := range o.doubts {
		if d.err.Type == kind {
			if n--; n == 0 {
				return d.upTo, true
			}
		}
	}
	return 0, false
}

// candidates returns the unanswered requests of a kind that were written by then.
func (o *requests) candidates(kind string, upTo int64) (left []*request) {
	for _, r := range o.written {
		if r.seq > upTo {
			break
		}
		if !r.done && r.kind == kind {
			left = append(left, r)
		}
	}
	return left
}

// takeDoubts removes the first n doubts of a kind and returns their errors.
func (o *requests) takeDoubts(kind string, n int) (errs []*protocol.Error) {
	o.doubts = slices.DeleteFunc(o.doubts, func(d doubt) bool {
		if d.err.Type != kind || len(errs) == n {
			return false
		}
		errs = append(errs, d.err)
		return true
	})
	return errs
}

// giveUpDoubts is called when the time of a request is over. If an error may have
// been about it, nobody will ever know which of the candidates was refused: every
// caller's request among them ends so.
func (s *Session) giveUpDoubts(r *request) {
	o := &s.requests
	for i := 0; i < len(o.doubts); {
		d := o.doubts[i]
		if d.err.Type != r.kind || r.seq > d.upTo {
			i++
			continue
		}
		o.doubts = slices.Delete(o.doubts, i, i+1)
		for _, c := range o.candidates(r.kind, d.upTo) {
			if c.purpose == forCaller {
				s.forget(c)
				s.resolve(c, nil, &unsure{d.err})
			}
		}
	}
}
