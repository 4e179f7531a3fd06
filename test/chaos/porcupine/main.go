// Checks that the calls on each key of a history can be put into one order that the state table allows: reads lines of JSON, one a
// key, and writes one line for each that is not linearizable, or that could not be decided in time, and a last one with the sums.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

type finding struct {
	Key     string   `json:"key"`
	Result  string   `json:"result"`            // illegal; undecided; lost: legal only if a failover lost writes
	Longest []string `json:"longest,omitempty"` // the longest order found, for whoever looks into it
	Stuck   []string `json:"stuck,omitempty"`   // what could not follow it
}

func main() {
	limit := flag.Duration("limit", 10*time.Second, "how long one key may take")
	workers := flag.Int("workers", 2, "how many keys at a time")
	flag.Parse()
	lines := make(chan []byte)
	out := json.NewEncoder(os.Stdout)
	var guard sync.Mutex
	var group sync.WaitGroup
	keys, calls, undecided, illegal := 0, 0, 0, 0
	for n := 0; n < *workers; n++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for line := range lines {
				found, size, err := check(line, *limit)
				guard.Lock()
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(2)
				}
				keys, calls = keys+1, calls+size
				if found != nil {
					switch found.Result {
					case "illegal":
						illegal++
					case "undecided":
						undecided++
					}
					_ = out.Encode(found)
				}
				guard.Unlock()
			}
		}()
	}
	input := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := input.ReadBytes('\n')
		if len(line) > 1 {
			lines <- line
		}
		if err != nil {
			break
		}
	}
	close(lines)
	group.Wait()
	_ = out.Encode(map[string]int{"keys": keys, "calls": calls, "undecided": undecided, "illegal": illegal})
}

const lossyLimit = time.Second // with what a replica may lack there are many more orders

const lag = 3 * time.Second // no replica here is further behind

func check(line []byte, limit time.Duration) (*finding, int, error) {
	var h history
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, 0, err
	}
	failovers := []span{}
	for _, one := range h.Calls {
		if one.Verb == "failover" {
			failovers = append(failovers, span{one.Call, one.Return})
		}
	}
	operations, err := operationsOf(h, nil, false)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", h.Key, err)
	}
	result, info := porcupine.CheckOperationsVerbose(model.ToModel(), operations, limit)
	if result == porcupine.Ok {
		return nil, len(operations), nil
	}
	if result == porcupine.Unknown {
		return &finding{Key: h.Key, Result: "undecided"}, len(operations), nil
	}
	for _, split := range []bool{false, true} {
		if len(failovers) == 0 {
			break
		}
		lossy, err := operationsOf(h, failovers, split)
		if err != nil {
			return nil, 0, err
		}
		switch porcupine.CheckOperationsTimeout(model.ToModel(), lossy, lossyLimit) {
		case porcupine.Ok:
			return &finding{Key: h.Key, Result: "lost"}, len(operations), nil
		case porcupine.Unknown:
			return &finding{Key: h.Key, Result: "undecided"}, len(operations), nil
		}
	}
	found := &finding{Key: h.Key, Result: "illegal"}
	longest := []int{}
	for _, orders := range info.PartialLinearizations() {
		for _, order := range orders {
			if len(order) > len(longest) {
				longest = order
			}
		}
	}
	placed := map[int]bool{}
	for _, at := range longest {
		placed[at] = true
		found.Longest = append(found.Longest, text(h, at))
	}
	for at := range operations {
		if !placed[at] {
			found.Stuck = append(found.Stuck, text(h, at))
		}
	}
	return found, len(operations), nil
}

type span struct{ from, end int64 }

// operationsOf is the history as porcupine wants it; with failovers given, these may lose what a replica did not have yet. Where
// `split`, there are two masters while one lasts: what was asked of the old one comes before it, what of the new one after it, whatever the order of time.
func operationsOf(h history, failovers []span, split bool) ([]porcupine.Operation, error) {
	var operations []porcupine.Operation
	for _, one := range h.Calls {
		c, err := callOf(one.Verb, one.Values, one.Maybe)
		if err != nil {
			return nil, err
		}
		var a *answer
		if len(one.Reply) > 0 {
			if a, err = answerOf(one.Reply); err != nil {
				return nil, err
			}
		}
		called, returned := one.Call, one.Return
		if returned == 0 {
			returned = math.MaxInt64
		}
		if failovers != nil {
			c.replicated = surely
		}
		for _, f := range failovers {
			if returned > f.from-int64(lag) {
				c.replicated = perhaps
			}
			if split && one.Verb != "failover" && called < f.end && returned > f.from {
				called, returned = min(called, f.from), max(returned, f.end)
			}
		}
		operations = append(operations, porcupine.Operation{
			ClientId: int(one.Process), Input: c, Output: a, Call: called, Return: returned,
		})
	}
	return operations, nil
}

func text(h history, at int) string {
	one := h.Calls[at]
	return fmt.Sprintf("%d..%d process %d %s %v -> %v", one.Call/1000, one.Return/1000, one.Process, one.Verb, one.Values, one.Reply)
}
