package main

// outcome is one thing that a script may do: what it says, what it leaves, and whether it shows the record.
type outcome struct {
	verdict string
	next    state
	shown   *record
}

func say(verdict string, s state) outcome {
	if !s.stands {
		return outcome{verdict, s, nil}
	}
	shown := s.record
	return outcome{verdict, s, &shown}
}

// outcomes are all that the state table allows for a call at `now` (unknown where no answer told).
func (s state) outcomes(c *call, now int64) []outcome {
	switch c.verb {
	case "create":
		return s.create(c, now)
	case "settle":
		return s.settle(c, now)
	case "renew":
		return s.renew(c, now)
	case "release":
		return s.release(c, now)
	case "delete":
		return s.remove(c)
	case "read":
		if !s.stands {
			return []outcome{say("not_found", s)}
		}
		return []outcome{say("found", s)}
	}
	panic("no such verb: " + c.verb)
}

func (s state) open(c *call, now int64) outcome {
	n := state{now: s.now, top: s.top, saved: s.saved, content: content{stands: true}}
	n.status, n.fence, n.origin = "PENDING", unknown, unknown
	n.created, n.deadline = now, plus(now, c.timeout)
	n.createdBy, n.metadata, n.retention, n.attempts = c.request, c.metadata, c.retention, c.attempts
	n.gone, n.ended, n.stays = s.receipt, s.before, s.now+c.timeout+c.retention.timedOut
	if s.stands {
		n.gone, n.ended = s.gone, s.endedBy()
		if s.status == "PENDING" {
			n.displaced = s.createdBy
		}
	}
	if c.owner != "" {
		n.owner, n.attempt, n.leased = c.owner, 1, true
		n.lease = least(plus(now, c.lease), n.deadline)
	}
	return say("created", n)
}

func (s state) create(c *call, now int64) []outcome {
	if !s.stands {
		if c.origin != 0 {
			return []outcome{say("not_found", s)}
		}
		return []outcome{s.open(c, now)}
	}
	if s.createdBy == c.request {
		if s.attempt > 1 {
			return []outcome{say("taken_over", s)}
		}
		return []outcome{say("created", s)}
	}
	var found []outcome
	if c.origin != 0 {
		same, other := s.has(s.origin, c.origin)
		if other != nil {
			found = append(found, say("superseded", *other))
		}
		if same == nil {
			return found
		}
		if s.origin == unknown {
			same.origin = c.origin
		}
		s = *same
	}
	displaced := s.displaced == c.request
	if displaced && s.attempt < 2 {
		return append(found, say("superseded", s))
	}
	if c.supersede && !displaced {
		return append(found, s.open(c, now))
	}
	if s.status != "PENDING" {
		if c.origin != 0 || s.settledBy == "owner_lost" {
			return append(found, say("settled", s))
		}
		if !c.reuse[s.status] {
			return append(found, s.open(c, now))
		}
		if s.status == "COMPLETED" && c.reject != 0 {
			rejected, kept := s.has(s.fence, c.reject)
			if rejected != nil {
				found = append(found, rejected.open(c, now))
			}
			if kept == nil {
				return found
			}
		}
		return append(found, say("settled", s))
	}
	if c.owner == "" || !s.leased {
		return append(found, say("joined", s))
	}
	held, lapsed := s.reached(s.lease, now)
	if held != nil {
		found = append(found, say("joined", *held))
	}
	if lapsed != nil {
		found = append(found, lapsed.takeOver(c, now))
	}
	return found
}

func (s state) takeOver(c *call, now int64) outcome {
	if s.attempts > 0 && s.attempt >= s.attempts {
		s.status, s.settled, s.settledBy = "FAILED", now, "owner_lost"
		s.kept, s.payload, s.stays = s.retention.failed, anything, s.now+s.retention.failed
		return say("settled", s)
	}
	s.fence = unknown
	s.attempt++
	s.owner, s.displaced, s.createdBy = c.owner, s.createdBy, c.request
	s.lease = least(plus(now, c.lease), s.deadline)
	return say("taken_over", s)
}

func (s state) settle(c *call, now int64) []outcome {
	if !s.stands {
		return []outcome{say("not_found", s)}
	}
	if s.settledBy == c.request || s.ended == c.request {
		return []outcome{say("duplicate", s)}
	}
	var found []outcome
	if c.fence != 0 {
		same, other := s.has(s.fence, c.fence)
		if other != nil {
			found = append(found, say("superseded", *other))
		}
		if same == nil {
			return found
		}
		s = *same
	}
	if s.status != "PENDING" {
		if !c.replace {
			verdict := "already_settled"
			if s.status == "TIMED_OUT" {
				verdict = "late"
			}
			return append(found, say(verdict, s))
		}
		s.fence, s.ended = unknown, s.settledBy
	}
	s.status, s.settled, s.settledBy, s.payload = c.status, now, c.request, c.payload
	s.kept = s.retention.of(c.status)
	if c.kept != 0 {
		s.kept = c.kept
	}
	s.stays = s.now + s.kept
	return append(found, say("applied", s))
}

func (s state) renew(c *call, now int64) []outcome {
	return s.holding(c, func(held state) []outcome {
		held.lease = least(plus(now, c.lease), held.deadline)
		return []outcome{say("renewed", held)}
	})
}

func (s state) release(c *call, now int64) []outcome {
	if s.stands && s.released == c.request {
		return []outcome{say("released", s)}
	}
	return s.holding(c, func(held state) []outcome {
		var found []outcome
		live, lapsed := held.reached(held.lease, now)
		if lapsed != nil {
			found = append(found, say("released", *lapsed))
		}
		if live != nil {
			live.lease, live.released = now, c.request
			if c.unbegun && live.attempts > 0 {
				live.attempts++
			}
			found = append(found, say("released", *live))
		}
		return found
	})
}

// holding is what renew and release have in common: only the owner of the current fence gets through.
func (s state) holding(c *call, act func(held state) []outcome) []outcome {
	if !s.stands {
		return []outcome{say("not_found", s)}
	}
	if s.status != "PENDING" {
		return []outcome{say("settled", s)}
	}
	if !s.leased || s.owner != c.owner {
		return []outcome{say("superseded", s)}
	}
	var found []outcome
	same, other := s.has(s.fence, c.fence)
	if other != nil {
		found = append(found, say("superseded", *other))
	}
	if same != nil {
		found = append(found, act(*same)...)
	}
	return found
}

func (s state) remove(c *call) []outcome {
	if !s.stands {
		if s.receipt == c.request {
			return []outcome{say("deleted", s)}
		}
		return []outcome{say("not_found", s)}
	}
	if s.gone == c.request {
		return []outcome{{"deleted", s, nil}}
	}
	deleted := func(s state) outcome {
		shown, next := s.record, s.empty()
		next.receipt, next.before = c.request, s.endedBy()
		return outcome{"deleted", next, &shown}
	}
	if c.fence == 0 {
		return []outcome{deleted(s)}
	}
	var found []outcome
	same, other := s.has(s.fence, c.fence)
	if other != nil {
		found = append(found, say("mismatch", *other))
	}
	if same != nil {
		found = append(found, deleted(*same))
	}
	return found
}

// has splits by whether a number is the one given; an unknown one may be either.
func (s state) has(number, given int64) (same, other *state) {
	if number == unknown {
		return &s, &s
	}
	if number == given {
		return &s, nil
	}
	return nil, &s
}

// endedBy is the last request that ended a flow of this name, as the record keeps it.
func (s state) endedBy() string {
	if s.settledBy != "" {
		return s.settledBy
	}
	return s.ended
}

func plus(moment, ms int64) int64 {
	if moment == unknown {
		return unknown
	}
	return moment + ms
}

func least(a, b int64) int64 {
	if a == unknown || b == unknown {
		return unknown
	}
	if a < b {
		return a
	}
	return b
}
