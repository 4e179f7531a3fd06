package main

// unknown stands for a number that no answer has shown yet; the first that does settles it.
const unknown = int64(-1)

// state is a flow's name as the state table sees it: nothing, or a record. It is comparable, as porcupine wants it.
type state struct {
	now int64 // ms of the server's clock: nothing after this answered earlier
	top int64 // the highest fence there was
	content
	saved content // what the replica has that may take over
}

type content struct {
	stands  bool
	receipt string // the request of the delete that left the name empty
	before  string // the request that had ended the deleted flow
	record
}

type record struct {
	status                                                        string
	fence, origin, attempt, created, deadline                     int64
	leased                                                        bool
	lease, settled                                                int64
	owner, settledBy, createdBy, displaced, released, gone, ended string
	attempts                                                      int64 // how many it may have; 0 is no limit
	retention                                                     retention
	kept                                                          int64 // how long it stays once settled
	metadata, payload                                             string
	stays                                                         int64 // where its moments are unknown: it does not expire before this
}

// retention holds ms by how a flow ended.
type retention struct{ completed, failed, canceled, timedOut int64 }

var defaultRetention = retention{300000, 60000, 60000, 60000}

func (r retention) of(status string) int64 {
	switch status {
	case "COMPLETED":
		return r.completed
	case "FAILED":
		return r.failed
	case "CANCELED":
		return r.canceled
	}
	return r.timedOut
}

// expires says when Redis forgets the record.
func (s state) expires() int64 {
	from, kept := s.settled, s.kept
	if s.status == "PENDING" || s.status == "TIMED_OUT" {
		from, kept = s.deadline, s.retention.timedOut
	}
	if from == unknown {
		return unknown
	}
	return from + kept
}

func (s state) empty() state {
	return state{now: s.now, top: s.top, saved: s.saved, content: content{receipt: s.receipt, before: s.before}}
}

// reached splits by whether a moment is over at `now`: one of the two is nil where it is known.
// Whoever acts at an unknown time may do so before or after; time then cannot go back.
func (s state) reached(moment, now int64) (before, after *state) {
	later := s
	if moment > later.now {
		later.now = moment
	}
	if moment == unknown || now == unknown {
		if moment != unknown && moment <= s.now {
			return nil, &later
		}
		return &s, &later
	}
	if moment <= now {
		return nil, &s
	}
	return &s, nil
}

const slack = 3 // ms: a script's clock and that of its expiries are read one after the other

// arrivals are the states that a script may find at `now`: the record forgotten or not, its deadline passed or not.
func (s state) arrivals(now int64) []state {
	if !s.stands {
		return []state{s}
	}
	var found []state
	expires := s.expires()
	soonest := expires
	if expires == unknown {
		soonest = s.stays
	}
	mayBeGone := now == unknown || now >= soonest-slack
	mustBeGone := expires != unknown && now != unknown && now > expires+slack
	if mayBeGone {
		gone := s.empty()
		gone.receipt, gone.before = "", ""
		if now == unknown {
			gone.now = max(gone.now, soonest)
		}
		found = append(found, gone)
	}
	if mustBeGone {
		return found
	}
	if s.status != "PENDING" {
		return append(found, s)
	}
	before, after := s.reached(s.deadline, now)
	if before != nil {
		found = append(found, *before)
	}
	if after != nil {
		after.status, after.settled, after.settledBy = "TIMED_OUT", after.deadline, "timeout"
		found = append(found, *after)
	}
	return found
}
