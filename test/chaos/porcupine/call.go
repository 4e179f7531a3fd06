package main

import (
	"fmt"
	"strconv"
	"strings"
)

// anything stands for a payload that the scripts write themselves.
const anything = "\x00anything"

// history is one line of the input: all calls on one key.
type history struct {
	Key   string
	Calls []struct {
		Process, Call, Return int64 // Return is 0 where no answer came
		Verb                  string
		Values, Reply         []string
		// It may not have run at all: what was sent a second time over a new connection.
		Maybe bool
	}
}

// call is what a script was asked, by the contract's arguments.
type call struct {
	verb, request, status, payload, metadata, owner string
	timeout, lease, attempts, origin, reject, fence int64
	kept                                            int64
	supersede, replace, unbegun, maybe              bool
	retention                                       retention
	reuse                                           map[string]bool
	replicated                                      replicated
}

// replicated says what becomes of a call on the replica that takes over.
type replicated int

const (
	ignored replicated = iota // nobody takes over, or with everything
	surely                    // long before a failover
	perhaps                   // shortly before: the replica has it or not, and then nothing after it
)

func callOf(verb string, values []string, maybe bool) (*call, error) {
	c := &call{verb: verb, retention: defaultRetention, reuse: map[string]bool{"COMPLETED": true}, maybe: maybe}
	positional := map[string]int{"create": 4, "settle": 5, "renew": 4, "release": 4, "delete": 2, "read": 1, "forget": 0, "failover": 0}[verb]
	if len(values) < positional {
		return nil, fmt.Errorf("%s has %d arguments", verb, len(values))
	}
	switch verb {
	case "create":
		c.request, c.timeout, c.metadata = values[1], number(values[2]), values[3]
	case "settle":
		c.request, c.status, c.payload = values[1], values[2], values[3]
	case "renew":
		c.fence, c.owner, c.lease = number(values[1]), values[2], number(values[3])
	case "release":
		c.request, c.fence, c.owner = values[1], number(values[2]), values[3]
	case "delete":
		c.request = values[1]
	}
	for at := positional; at+1 < len(values); at += 2 {
		if err := c.option(values[at], values[at+1]); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *call) option(name, value string) error {
	switch name {
	case "owner":
		c.owner = value
	case "leaseMs":
		c.lease = number(value)
	case "maxAttempts":
		c.attempts = number(value)
	case "conflict":
		c.supersede = value == "supersede"
	case "origin":
		c.origin = number(value)
	case "rejectFence":
		c.reject = number(value)
	case "fence":
		c.fence = number(value)
	case "retentionMs":
		c.kept = number(value)
	case "replace":
		c.replace = value == "1"
	case "unbegun":
		c.unbegun = value == "1"
	case "replyLimit", "ownChannel":
	case "reuse":
		c.reuse = map[string]bool{}
		for _, status := range strings.Split(value, ",") {
			c.reuse[status] = true
		}
	case "retention":
		words := strings.Split(value, " ")
		c.retention = retention{number(words[0]), number(words[1]), number(words[2]), number(words[3])}
	default:
		return fmt.Errorf("the model does not know the option %s", name)
	}
	return nil
}

// answer is what a script said.
type answer struct {
	verdict  string
	now      int64
	shows    bool
	numbers  [8]int64 // fence, origin, attempt, createdAt, deadlineAt, leaseUntil, settledAt; 0 for none
	status   string
	owner    string
	by       string
	metadata string
	payload  *string
}

func answerOf(reply []string) (*answer, error) {
	if len(reply) < 2 {
		return nil, fmt.Errorf("a reply of %d parts", len(reply))
	}
	words := strings.Split(reply[1], " ")
	a := &answer{verdict: reply[0], now: number(words[1])}
	if len(words) == 2 {
		return a, nil
	}
	if len(words) != 13 {
		return nil, fmt.Errorf("a head of %d words", len(words))
	}
	a.shows, a.status = true, words[2]
	for at := 0; at < 7; at++ {
		a.numbers[at] = number(words[3+at])
	}
	a.owner, a.by = words[11], words[12]
	if len(reply) > 2 {
		a.metadata = reply[2]
	}
	if len(reply) > 3 && reply[3] != "null" {
		a.payload = &reply[3]
	}
	return a, nil
}

func number(text string) int64 {
	if text == "-" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}
