package main

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// model is the state table. It knows time from the answers, which all tell the server's; where none came it allows any.
var model = porcupine.NondeterministicModel{
	Init: func() []interface{} { return []interface{}{state{}} },
	Step: func(from, input, output interface{}) []interface{} {
		next := step(from.(state), input.(*call), output.(*answer))
		found := make([]interface{}, len(next))
		for at, s := range next {
			found[at] = s
		}
		return found
	},
	DescribeOperation: func(input, output interface{}) string { return describe(input.(*call), output.(*answer)) },
	DescribeState:     func(s interface{}) string { return fmt.Sprintf("%+v", s) },
}

func describe(c *call, a *answer) string {
	if a == nil {
		return fmt.Sprintf("%s %s: no answer", c.verb, c.request)
	}
	return fmt.Sprintf("%s %s: %s", c.verb, c.request, a.verdict)
}

func step(s state, c *call, a *answer) []state {
	if c.verb == "failover" {
		if c.replicated != ignored {
			s = state{content: s.saved, saved: s.saved} // the new master's clock and fences may be behind the old one's
		}
		return []state{s}
	}
	found := act(s, c, a)
	for at := range found {
		switch c.replicated {
		case perhaps:
			also := found[at]
			also.saved = also.content
			if !contains(found, also) {
				found = append(found, also)
			}
		case surely:
			found[at].saved = found[at].content
		}
	}
	return found
}

func act(s state, c *call, a *answer) []state {
	if c.verb == "forget" { // the server began anew without its data
		return []state{{now: s.now, top: s.top}}
	}
	if a == nil {
		return withoutAnswer(s, c)
	}
	if a.now < s.now {
		return nil
	}
	s.now = a.now
	var found []state
	for _, arrived := range s.arrivals(a.now) {
		for _, o := range arrived.outcomes(c, a.now) {
			if next, ok := o.shows(a, c); ok {
				found = append(found, next)
			}
		}
	}
	return found
}

// It never ran, or at some time did whatever the table allows.
func withoutAnswer(s state, c *call) []state {
	found := []state{s}
	for _, arrived := range s.arrivals(unknown) {
		for _, o := range arrived.outcomes(c, unknown) {
			if !contains(found, o.next) {
				found = append(found, o.next)
			}
		}
	}
	return found
}

func contains(states []state, one state) bool {
	for _, s := range states {
		if s == one {
			return true
		}
	}
	return false
}

// shows says whether the answer is this outcome, and takes from it what was not known.
func (o outcome) shows(a *answer, c *call) (state, bool) {
	if a.verdict != o.verdict || a.shows != (o.shown != nil) {
		return state{}, false
	}
	if !a.shows {
		return o.next, true
	}
	r, next := *o.shown, o.next
	lease := r.lease
	if !r.leased {
		lease = 0
	}
	settled := r.settled
	if r.status == "PENDING" {
		settled = 0
	}
	known := [7]int64{r.fence, r.origin, r.attempt, r.created, r.deadline, lease, settled}
	if r.fence == unknown && a.numbers[0] <= next.top {
		return state{}, false // a new fence is higher than any before
	}
	if r.origin == unknown && r.fence == unknown && r.attempt < 2 && a.numbers[0] != a.numbers[1] {
		return state{}, false // a flow begins with the fence that is its origin
	}
	for at, n := range known {
		if n != unknown && n != a.numbers[at] {
			return state{}, false
		}
	}
	if r.status != a.status || word(r.owner) != a.owner || word(r.settledBy) != a.by || r.metadata != a.metadata {
		return state{}, false
	}
	if a.payload != nil && r.payload != anything && *a.payload != r.payload {
		return state{}, false
	}
	if a.numbers[0] > next.top {
		next.top = a.numbers[0]
	}
	if next.stands {
		next.fence, next.origin, next.created, next.deadline = a.numbers[0], a.numbers[1], a.numbers[3], a.numbers[4]
		if next.leased {
			next.lease = a.numbers[5]
		}
		if next.status != "PENDING" {
			next.settled = a.numbers[6]
		}
	}
	return next, true
}

func word(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
